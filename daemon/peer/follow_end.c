#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"
#include "log.h"

#include "peers_in.h"

#define PATH_SIZE 1024

/* One empty file for each set that ended, so that a restart without any peer
 * in reach does not bring it back. */
static enum hf_err path_of(const struct hf_follow *follow, char *path,
			   struct hf_why *why)
{
	char name[HF_ORIGIN_MAX_BYTES + 1];

	strcpy(name, follow->origin);
	for (char *at = name; *at != '\0'; at++) {
		if (*at == '/')
			*at = '_';
	}
	return hf_file_join(path, PATH_SIZE, follow->peers->options.ended_dir,
			    name, why);
}

static enum hf_err remember(const struct hf_follow *follow, struct hf_why *why)
{
	const char *dir = follow->peers->options.ended_dir;
	char path[PATH_SIZE];
	enum hf_err err = path_of(follow, path, why);

	if (err == HF_OK && follow->has_ended)
		err = hf_file_mkdirs(dir, 0700, why);
	if (err == HF_OK && follow->has_ended)
		err = hf_file_create(path, hf_span("", 0), 0600, why);
	else if (err == HF_OK && unlink(path) != 0 && errno != ENOENT)
		err = hf_why_errno(why, "remove '%s'", path);
	return err == HF_E_EXISTS ? HF_OK : err;
}

static void set_end(struct hf_follow *follow, const char *by, bool has_ended)
{
	const struct hf_peers_options *options = &follow->peers->options;
	struct hf_why why = { "" };

	if (follow->has_ended == has_ended)
		return;
	follow->has_ended = has_ended;
	hf_log(HF_LOG_WARNING, "peer",
	       has_ended ? "set ended for us" : "set is ours to have again",
	       "set=%s said=%s", follow->origin, by);
	if (remember(follow, &why) != HF_OK)
		hf_log(HF_LOG_ERROR, "peer", "end of a set not remembered",
		       "set=%s why=\"%s\"", follow->origin, why.text);
	options->ended(options->arg, follow->set, has_ended);
}

/* May this link's word about the set be taken: is it the publisher, or a relay
 * under the agreement that we hold? */
static bool may_say(const struct hf_follow *follow, const struct hf_link *link)
{
	struct hf_ring *ring = hf_ring_holder_get(follow->peers->options.ring);
	bool may = hf_ring_may_relay(ring, hf_span_of(follow->origin),
				     link->organisation_id, hf_clock_wall_ms());

	hf_ring_release(ring);
	return may;
}

/* Who has no right to it names it for nothing. */
static bool names(const struct hf_follow *follow, struct hf_link *link)
{
	return link->is_in_session &&
	       hf_link_set(link, follow->origin) != NULL &&
	       may_say(follow, link);
}

void hf_follow_told(struct hf_follow *follow, struct hf_link *link)
{
	if (follow->has_ended && names(follow, link))
		set_end(follow, link->name, false);
}

void hf_follow_heed_names(struct hf_follow *follow)
{
	for (struct hf_link *link = follow->peers->links; link != NULL;
	     link = link->next)
		hf_follow_told(follow, link);
}

void hf_follow_ended(struct hf_follow *follow, struct hf_link *link)
{
	if (!may_say(follow, link))
		return;
	/* Somebody else may have a newer agreement, that names us. */
	for (struct hf_link *other = follow->peers->links; other != NULL;
	     other = other->next) {
		if (names(follow, other))
			return;
	}
	set_end(follow, link->name, true);
}

void hf_follow_recall_end(struct hf_follow *follow)
{
	const struct hf_peers_options *options = &follow->peers->options;
	char path[PATH_SIZE];

	if (path_of(follow, path, NULL) != HF_OK || access(path, F_OK) != 0)
		return;
	follow->has_ended = true;
	options->ended(options->arg, follow->set, true);
}
