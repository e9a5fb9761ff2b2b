#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "duty.h"

#include "client_inside.h"

/* The sockets of a daemon, least powerful first: name, and every duty whose
 * calls it answers. */
static const struct door {
	const char *name;
	unsigned duties;
} doors[] = {
	/* clang-format off */
	{ "reader.sock",   HF_DUTY_READER },
	{ "scanner.sock",  HF_DUTY_READER | HF_DUTY_SCANNER },
	{ "analyst.sock",  HF_DUTY_READER | HF_DUTY_SCANNER | HF_DUTY_ANALYST },
	{ "operator.sock", HF_DUTY_READER | HF_DUTY_SCANNER | HF_DUTY_ANALYST | HF_DUTY_OPERATOR },
	/* clang-format on */
};

/* Knock: is somebody listening, and may we in? */
static enum hf_err knock(const char *path, struct hf_why *why)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	enum hf_err err = HF_OK;
	bool is_left_behind = false;
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return hf_why(why, HF_E_LIMIT,
			      "%s: longer than the %zu characters that a "
			      "socket's path may have",
			      path, sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return hf_why_errno(why, "socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		/* Nobody listens at a file that was left behind. */
		is_left_behind = errno == ECONNREFUSED;
		err = hf_why_errno(why, "%s", path);
	}
	close(fd);
	return is_left_behind ? HF_E_NOTFOUND : err;
}

static enum hf_err say_denied(const char *path, struct hf_why *why)
{
	const struct group *group = NULL;
	struct stat status;

	if (stat(path, &status) == 0)
		group = getgrgid(status.st_gid);
	if (group == NULL)
		return hf_why(why, HF_E_DENIED,
			      "%s: permission denied: run as the user of the "
			      "daemon, or as a member of the socket's group",
			      path);
	return hf_why(why, HF_E_DENIED,
		      "%s: permission denied: it is for members of group '%s'",
		      path, group->gr_name);
}

enum hf_err hf_client_find(const char *run_dir, unsigned duties,
			   char out_path[static HF_CLIENT_PLACE_SIZE],
			   struct hf_why *why)
{
	char wanted[HF_CLIENT_PLACE_SIZE] = "", denied[HF_CLIENT_PLACE_SIZE];
	char path[HF_CLIENT_PLACE_SIZE];
	bool is_denied = false;

	for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++) {
		enum hf_err err;

		if ((doors[i].duties & duties) == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", run_dir, doors[i].name);
		if (wanted[0] == '\0')
			strcpy(wanted, path);
		err = knock(path, why);
		if (err == HF_OK) {
			strcpy(out_path, path);
			return HF_OK;
		}
		if (err == HF_E_DENIED && !is_denied) {
			is_denied = true;
			strcpy(denied, path);
		} else if (err != HF_E_DENIED && err != HF_E_NOTFOUND) {
			return err;
		}
	}
	if (is_denied)
		return say_denied(denied, why);
	return hf_why(why, HF_E_UNAVAILABLE,
		      "no daemon answers at %s: start it with hashfedd, or "
		      "say where it is with --home or --server",
		      wanted);
}
