/*
 * hashfed-key check: what an operator should look at, and when.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cert.h"
#include "codec_document.h"
#include "receiveset.h"
#include "trust.h"
#include "vault.h"

#include "tool.h"

/* When an expiry is worth a word: proto/SPEC.md section 7. */
static const unsigned notice_days[] = { 7, 30, 60 };

/* A clock before this program was written is wrong. */
#define CLOCK_LEAST_MS ((uint64_t)1767225600000) /* 2026-01-01 */

static void fine(const char *format, ...) HF_PRINTF(1, 2);
static void worry(struct hf_tool *tool, const char *format, ...)
	HF_PRINTF(2, 3);

static void fine(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("ok       ", stdout);
	vprintf(format, args);
	putchar('\n');
	va_end(args);
}

static void worry(struct hf_tool *tool, const char *format, ...)
{
	va_list args;

	tool->is_worried = true;
	va_start(args, format);
	fputs("problem  ", stdout);
	vprintf(format, args);
	putchar('\n');
	va_end(args);
}

static void check_expiry(struct hf_tool *tool, const char *what,
			 uint64_t expires_ms, const char *remedy)
{
	char date[HF_TOOL_DATE_SIZE];
	uint64_t days;

	hf_tool_date(expires_ms, date);
	if (tool->now_ms >= expires_ms) {
		worry(tool, "%s expired on %s: %s", what, date, remedy);
		return;
	}
	days = (expires_ms - tool->now_ms) / HF_TOOL_DAY_MS;
	for (size_t i = 0; i < sizeof(notice_days) / sizeof(notice_days[0]);
	     i++) {
		if (days < notice_days[i]) {
			worry(tool,
			      "%s expires on %s, in less than %u days: %s",
			      what, date, notice_days[i], remedy);
			return;
		}
	}
	fine("%s is valid until %s", what, date);
}

static void check_mode(struct hf_tool *tool, const char *path, mode_t allowed)
{
	struct stat found;

	if (stat(path, &found) != 0)
		worry(tool, "'%s': %s", path, strerror(errno));
	else if ((found.st_mode & 07777 & ~allowed) != 0)
		worry(tool, "'%s' has mode %04o, more than %04o", path,
		      (unsigned)found.st_mode & 07777, (unsigned)allowed);
	else
		fine("'%s' is closed to others", path);
}

/* A key that the signer loads, and that the manifest must name. */
static void check_key(struct hf_tool *tool, enum hf_key_role role,
		      struct hf_span named)
{
	struct hf_why why = { "" };
	struct hf_key *key = NULL;

	if (hf_tool_online_key(tool, role, &key, &why) != HF_OK)
		worry(tool, "%s", why.text);
	else if (named.len_bytes > 0 &&
		 !hf_span_equal(named, hf_span(key->public_key.bytes,
					       HF_PUBLIC_KEY_BYTES)))
		worry(tool, "the %s key is not the one in the manifest",
		      hf_key_role_name(role));
	else
		fine("the %s key is whole", hf_key_role_name(role));
	hf_key_free(key);
}

/* Several may be there, as they follow one another; who has nothing newer
 * seals for the one in the manifest. */
static void check_receive_keys(struct hf_tool *tool, struct hf_span named)
{
	struct hf_receiveset *keys = NULL;
	struct hf_why why = { "" };
	bool is_there = false;

	if (hf_tool_receive_keys(tool, &keys, &why) != HF_OK) {
		worry(tool, "%s", why.text);
		return;
	}
	if (hf_receiveset_warning(keys)[0] != '\0')
		worry(tool, "%s", hf_receiveset_warning(keys));
	for (size_t i = 0; i < hf_receiveset_count(keys); i++) {
		const struct hf_key *key = hf_receiveset_at(keys, i);

		if (hf_span_equal(named, hf_span(key->public_key.bytes,
						 HF_PUBLIC_KEY_BYTES)))
			is_there = true;
	}
	if (hf_receiveset_count(keys) == 0)
		worry(tool, "there is no receive key");
	else if (!is_there)
		worry(tool, "the receive key in the manifest has ended, and "
			    "new partners seal for it: hashfed-key manifest "
			    "sign names the newest");
	else
		fine("the receive keys are whole");
	hf_receiveset_close(keys);
}

static void check_root(struct hf_tool *tool)
{
	struct hf_keyfile_info info;
	struct hf_why why = { "" };
	char path[HF_TOOL_PATH_SIZE];

	hf_tool_key_path(tool, HF_KEY_ROOT, path);
	if (access(path, F_OK) != 0 && errno == ENOENT)
		fine("the root key is not on this machine");
	else if (hf_vault_inspect(path, HF_VAULT_OWN, &info, &why) != HF_OK)
		worry(tool, "%s", why.text);
	else
		fine("the root key is on this machine, locked; better keep it "
		     "offline");
}

static void check_storage(struct hf_tool *tool)
{
	char path[HF_TOOL_PATH_SIZE];

	hf_tool_key_path(tool, HF_KEY_STORAGE, path);
	if (access(path, F_OK) != 0 && errno == ENOENT)
		worry(tool,
		      "there is no storage key, so this node takes no part in "
		      "takedown cases: hashfed-key storage new");
	else
		check_key(tool, HF_KEY_STORAGE, hf_span(NULL, 0));
}

static void check_keys(struct hf_tool *tool, const struct hf_manifest *manifest)
{
	/* The signer's directory is closed to its own user in the system's
	 * layout: only root and that user can look. */
	if (access(tool->signer, R_OK | X_OK) != 0) {
		if (errno == EACCES)
			fine("'%s' is closed to this user: as root more is "
			     "checked",
			     tool->signer);
		else
			worry(tool, "'%s': %s", tool->signer, strerror(errno));
		return;
	}
	check_mode(tool, tool->signer, 0700);
	check_root(tool);
	check_key(tool, HF_KEY_LOG, hf_span(NULL, 0));
	check_key(tool, HF_KEY_COSIGNER, hf_span(NULL, 0));
	check_key(tool, HF_KEY_AGREEMENT, manifest->agreement_key);
	check_key(tool, HF_KEY_NOTICE, manifest->notice_key);
	check_receive_keys(tool, manifest->receive_key);
	check_key(tool, HF_KEY_CLIENTS, hf_span(NULL, 0));
	check_storage(tool);
}

static void check_tls(struct hf_tool *tool, const struct hf_manifest *manifest)
{
	char path[HF_TOOL_PATH_SIZE];
	struct hf_cert_info info;
	struct hf_why why = { "" };
	struct hf_span pem;
	bool is_pinned = false;

	if (hf_tool_path(path, tool->tls, "node.key", &why) != HF_OK)
		return;
	check_mode(tool, path, 0600);
	if (hf_tool_path(path, tool->tls, "node.crt", &why) != HF_OK ||
	    hf_tool_read(tool, path, &pem, &why) != HF_OK ||
	    hf_cert_inspect(pem, &info, &why) != HF_OK) {
		worry(tool, "%s", why.text);
		return;
	}
	for (size_t i = 0; i < manifest->tls_pins_count; i++) {
		if (hf_span_equal(manifest->tls_pins[i],
				  hf_span(info.pin, sizeof(info.pin))))
			is_pinned = true;
	}
	if (!is_pinned)
		worry(tool,
		      "the manifest does not name the key of '%s': hashfed-key "
		      "manifest sign --add-pin %s",
		      path, path);
	check_expiry(tool, "the TLS certificate", info.not_after_ms,
		     "hashfed-key tls new");
}

static void check_ring(struct hf_tool *tool, const struct hf_ring *ring)
{
	const char *const *warnings;
	const struct hf_organisation *peers;
	const struct hf_ring_client *clients;
	const struct hf_ring_set *sets;
	char what[512];
	size_t count;

	count = hf_ring_warnings(ring, &warnings);
	for (size_t i = 0; i < count; i++)
		worry(tool, "%s", warnings[i]);
	check_expiry(tool, "our manifest",
		     hf_ring_self(ring)->manifest->expires_ms,
		     "hashfed-key manifest sign");
	count = hf_ring_sets(ring, &sets);
	for (size_t i = 0; i < count; i++) {
		if (!sets[i].is_own && !sets[i].is_followed)
			continue;
		snprintf(what, sizeof(what), "the agreement of %s",
			 sets[i].origin);
		check_expiry(tool, what, sets[i].agreement->expires_ms,
			     sets[i].is_own ? "hashfed-key agreement sign, or "
					      "hashfed sets share"
					    : "ask its publisher");
	}
	count = hf_ring_peers(ring, &peers);
	for (size_t i = 0; i < count; i++) {
		snprintf(what, sizeof(what), "the manifest of %s",
			 peers[i].name);
		check_expiry(tool, what, peers[i].manifest->expires_ms,
			     "ask it to sign a new one");
	}
	count = hf_ring_clients(ring, &clients);
	for (size_t i = 0; i < count; i++) {
		const struct hf_cert_info *info = &clients[i].info;

		/* Those that ended, ended; a newer one may be there. */
		if (clients[i].is_revoked || tool->now_ms >= info->not_after_ms)
			continue;
		if (info->not_after_ms - tool->now_ms <
		    notice_days[0] * HF_TOOL_DAY_MS) {
			snprintf(what, sizeof(what), "the certificate of %s",
				 info->name);
			check_expiry(tool, what, info->not_after_ms,
				     "hashfed-key client renew");
		}
	}
}

enum hf_err hf_tool_check(struct hf_tool *tool, struct hf_why *why)
{
	const struct hf_manifest *manifest;
	struct hf_ring *ring;
	enum hf_err err;

	err = hf_ring_load(tool->ring, &ring, why);
	if (err != HF_OK)
		return err;
	manifest = hf_ring_self(ring)->manifest;
	if (tool->now_ms < CLOCK_LEAST_MS ||
	    tool->now_ms + HF_FUTURE_MAX_MS < manifest->issued_ms)
		worry(tool, "the clock of this computer is behind: what was "
			    "signed is dated in its future");
	else
		fine("the clock is not behind what was signed");
	check_keys(tool, manifest);
	check_tls(tool, manifest);
	check_ring(tool, ring);
	hf_ring_release(ring);
	return HF_OK;
}
