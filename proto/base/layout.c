#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "layout.h"

#define SYSTEM_CONF "/etc/hashfed/hashfedd.conf"

static enum hf_err under(const char *home, struct hf_layout *out,
			 struct hf_why *why)
{
	if (strlen(home) + sizeof("/etc") > HF_LAYOUT_PATH_SIZE)
		return hf_why(why, HF_E_LIMIT, "path too long: '%s'", home);
	snprintf(out->etc, sizeof(out->etc), "%s/etc", home);
	snprintf(out->lib, sizeof(out->lib), "%s/lib", home);
	snprintf(out->run, sizeof(out->run), "%s/run", home);
	return HF_OK;
}

enum hf_err hf_layout_find(const char *home, struct hf_layout *out_layout,
			   struct hf_why *why)
{
	char own[HF_LAYOUT_PATH_SIZE];
	const char *user;

	if (home == NULL)
		home = getenv("HASHFED_HOME");
	if (home != NULL && home[0] != '\0')
		return under(home, out_layout, why);
	if (geteuid() == 0 || access(SYSTEM_CONF, R_OK) == 0) {
		strcpy(out_layout->etc, "/etc/hashfed");
		strcpy(out_layout->lib, "/var/lib/hashfed");
		strcpy(out_layout->run, "/run/hashfed");
		return HF_OK;
	}
	user = getenv("HOME");
	if (user == NULL || user[0] == '\0')
		return hf_why(why, HF_E_NOTFOUND,
			      "HOME is not set: name a directory with --home");
	if (snprintf(own, sizeof(own), "%s/.hashfed", user) >= (int)sizeof(own))
		return hf_why(why, HF_E_LIMIT, "path too long: '%s'", user);
	return under(own, out_layout, why);
}
