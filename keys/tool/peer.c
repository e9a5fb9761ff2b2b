/*
 * hashfed-key invite and peer: enrolment, both ways, by hand.
 */
#include <stdio.h>
#include <string.h>

#include "codec_document.h"
#include "ringdir.h"
#include "trust.h"

#include "tool.h"

enum hf_err hf_tool_invite(struct hf_tool *tool, struct hf_why *why)
{
	struct hf_buf text;
	enum hf_err err;

	hf_buf_init(&text, HF_TOOL_FILE_BYTES);
	err = hf_ring_invite(tool->ring, &text, why);
	if (err == HF_OK)
		fwrite(text.at, 1, text.len_bytes, stdout);
	hf_buf_release(&text);
	return err;
}

enum hf_err hf_tool_peer_fingerprint(struct hf_tool *tool, struct hf_why *why)
{
	char print[HF_FINGERPRINT_SIZE], name[HF_DOMAIN_MAX_BYTES + 1];
	struct hf_span text;
	enum hf_err err;

	err = hf_tool_read(tool, tool->args[0], &text, why);
	if (err == HF_OK)
		err = hf_ring_invite_fingerprint(tool->ring, text, print, name,
						 why);
	if (err == HF_OK)
		printf("%s\n", print);
	return err;
}

enum hf_err hf_tool_peer_add(struct hf_tool *tool, struct hf_why *why)
{
	const char *typed = hf_tool_option(tool, HF_TOOL_FINGERPRINT);
	char print[HF_FINGERPRINT_SIZE], name[HF_DOMAIN_MAX_BYTES + 1];
	const struct hf_ring_peer_options options = {
		.is_silent = tool->options[HF_TOOL_SILENT].count > 0,
		.replaces = tool->options[HF_TOOL_REPLACES].count > 0,
		.endpoint = hf_tool_option(tool, HF_TOOL_ENDPOINT),
		.now_ms = tool->now_ms,
	};
	struct hf_span text;
	enum hf_err err;

	err = hf_tool_read(tool, tool->args[0], &text, why);
	if (err == HF_OK)
		err = hf_ring_invite_fingerprint(tool->ring, text, print, name,
						 why);
	if (err != HF_OK)
		return err;
	if (typed == NULL) {
		printf("The fingerprint of this pair is\n\n    %s\n\nCompare "
		       "it with %s by phone, then enrol:\n\n    hashfed-key "
		       "peer add %s --fingerprint \"%s\"\n\n",
		       print, name, tool->args[0], print);
		return hf_why(why, HF_E_DENIED,
			      "'%s' is not enrolled before its fingerprint "
			      "was compared",
			      name);
	}
	err = hf_ring_save_peer(tool->ring, text, hf_span_of(typed), &options,
				why);
	if (err == HF_OK)
		printf("%s is enrolled. It has no set of ours until one is "
		       "shared with it.\n",
		       name);
	return err;
}

enum hf_err hf_tool_peer_list(struct hf_tool *tool, struct hf_why *why)
{
	const struct hf_organisation *peers;
	struct hf_ring *ring;
	enum hf_err err;
	size_t count;

	err = hf_ring_load(tool->ring, &ring, why);
	if (err != HF_OK)
		return err;
	count = hf_ring_peers(ring, &peers);
	if (count > 0)
		printf("%-32s %-7s %-7s %-10s %s\n", "NAME", "COUNTRY",
		       "VERSION", "UNTIL", "DIAL");
	for (size_t i = 0; i < count; i++) {
		const struct hf_manifest *manifest = peers[i].manifest;
		char until[HF_TOOL_DATE_SIZE];
		const char *dial = "-";

		if (peers[i].endpoint != NULL)
			dial = peers[i].endpoint;
		else if (manifest->endpoints_count > 0)
			dial = manifest->endpoints[0];
		hf_tool_date(manifest->expires_ms, until);
		printf("%-32s %-7s %-7llu %-10s %s\n", peers[i].name,
		       manifest->country, (unsigned long long)manifest->version,
		       until, peers[i].is_silent ? "silent" : dial);
	}
	hf_ring_release(ring);
	return HF_OK;
}

enum hf_err hf_tool_peer_remove(struct hf_tool *tool, struct hf_why *why)
{
	enum hf_err err =
		hf_ring_remove_peer(tool->ring, hf_span_of(tool->args[0]), why);

	if (err == HF_OK)
		printf("%s is out.\n", tool->args[0]);
	return err;
}
