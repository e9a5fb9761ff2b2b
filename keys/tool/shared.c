#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "clock.h"
#include "codec_document.h"
#include "file.h"
#include "limit.h"
#include "text.h"
#include "receiveset.h"
#include "vault.h"

#include "tool.h"

const char *hf_tool_option(const struct hf_tool *tool,
			   enum hf_tool_option option)
{
	const struct hf_tool_values *values = &tool->options[option];

	return values->count > 0 ? values->at[values->count - 1] : NULL;
}

enum hf_err hf_tool_path(char out_path[static HF_TOOL_PATH_SIZE],
			 const char *dir, const char *name, struct hf_why *why)
{
	return hf_file_join(out_path, HF_TOOL_PATH_SIZE, dir, name, why);
}

enum hf_err hf_tool_read(struct hf_tool *tool, const char *path,
			 struct hf_span *out_text, struct hf_why *why)
{
	struct hf_span text;
	struct hf_buf buf;
	enum hf_err err;

	if (strcmp(path, "-") == 0)
		path = "/dev/stdin";
	hf_buf_init(&buf, HF_TOOL_FILE_BYTES);
	err = hf_file_read(path, &buf, why);
	if (err == HF_OK) {
		text = hf_arena_copy(&tool->arena, hf_buf_span(&buf));
		if (text.at == NULL)
			err = hf_why(why, HF_E_NOMEM, "no memory");
		else
			*out_text = text;
	}
	hf_buf_release(&buf);
	return err;
}

static enum hf_err from_fd(const char *number, struct hf_passphrase *out,
			   struct hf_why *why)
{
	uint64_t fd;

	if (hf_text_u64(hf_span_of(number), 1023, &fd) != HF_OK)
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.20s' is no number of an open file", number);
	return hf_passphrase_read((int)fd, out, why);
}

enum hf_err hf_tool_passphrase(const struct hf_tool *tool, const char *prompt,
			       bool is_new, struct hf_passphrase *out,
			       struct hf_why *why)
{
	const char *number = hf_tool_option(tool, HF_TOOL_PASSPHRASE_FD);

	if (number != NULL)
		return from_fd(number, out, why);
	return hf_passphrase_ask(prompt, is_new, out, why);
}

enum hf_err hf_tool_new_passphrase(const struct hf_tool *tool,
				   const char *prompt,
				   struct hf_passphrase *out,
				   struct hf_why *why)
{
	const char *number = hf_tool_option(tool, HF_TOOL_NEW_PASSPHRASE_FD);

	if (number == NULL)
		number = hf_tool_option(tool, HF_TOOL_PASSPHRASE_FD);
	if (number != NULL)
		return from_fd(number, out, why);
	return hf_passphrase_ask(prompt, true, out, why);
}

enum hf_err hf_tool_cost(const struct hf_tool *tool,
			 struct hf_seal_cost *out_cost, struct hf_why *why)
{
	const char *text = hf_tool_option(tool, HF_TOOL_KDF_COST);
	const char *slash = text != NULL ? strchr(text, '/') : NULL;
	uint64_t ops, mib;

	if (text == NULL) {
		*out_cost = HF_KEY_COST_ROOT;
		return HF_OK;
	}
	if (slash == NULL ||
	    hf_text_u64(hf_span(text, (size_t)(slash - text)), HF_SEAL_OPS_MAX,
			&ops) != HF_OK ||
	    hf_text_u64(hf_span_of(slash + 1), HF_SEAL_MEM_MAX_KIB / 1024,
			&mib) != HF_OK ||
	    ops < HF_SEAL_OPS_MIN || mib < HF_SEAL_MEM_MIN_KIB / 1024)
		return hf_why(why, HF_E_ARGUMENT,
			      "--kdf-cost reads passes/MiB, 1/64 to %d/%d",
			      HF_SEAL_OPS_MAX, HF_SEAL_MEM_MAX_KIB / 1024);
	*out_cost =
		(struct hf_seal_cost){ (uint32_t)ops, (uint32_t)mib * 1024 };
	return HF_OK;
}

void hf_tool_key_path(const struct hf_tool *tool, enum hf_key_role role,
		      char out_path[static HF_TOOL_PATH_SIZE])
{
	snprintf(out_path, HF_TOOL_PATH_SIZE, "%.900s/%s.key", tool->signer,
		 hf_key_role_name(role));
}

enum hf_err hf_tool_online_key(const struct hf_tool *tool,
			       enum hf_key_role role, struct hf_key **out_key,
			       struct hf_why *why)
{
	char path[HF_TOOL_PATH_SIZE];

	hf_tool_key_path(tool, role, path);
	return hf_vault_load(path, HF_VAULT_OWN, role, hf_span(NULL, 0),
			     out_key, why);
}

enum hf_err hf_tool_key_make(const struct hf_tool *tool, enum hf_key_role role,
			     const char *path, struct hf_why *why)
{
	const struct hf_key_lock open_lock = { { NULL, 0 }, { 0, 0 } };
	struct hf_key_facts facts = { .role = role,
				      .created_ms = tool->now_ms };
	struct hf_key *key = NULL;
	struct hf_ring *ring;
	enum hf_err err = hf_ring_load(tool->ring, &ring, why);

	if (err != HF_OK)
		return err;
	facts.domain = hf_span_of(hf_ring_self(ring)->name);
	err = hf_key_new(&facts, &key, why);
	if (err == HF_OK)
		err = hf_vault_create(path, key, &open_lock, why);
	if (err == HF_OK)
		err = hf_tool_give(path, why);
	hf_key_free(key);
	hf_ring_release(ring);
	return err;
}

enum hf_err hf_tool_receive_keys(const struct hf_tool *tool,
				 struct hf_receiveset **out_keys,
				 struct hf_why *why)
{
	const struct hf_receiveset_place place = { .dir = tool->signer };

	return hf_receiveset_open(&place, out_keys, why);
}

enum hf_err hf_tool_origin(const struct hf_ring *ring, const char *set,
			   char out_origin[static HF_TOOL_ORIGIN_SIZE],
			   struct hf_why *why)
{
	if (hf_text_is_set_name(hf_span_of(set)))
		snprintf(out_origin, HF_TOOL_ORIGIN_SIZE, "%s/%s/1",
			 hf_ring_self(ring)->name, set);
	else if (hf_text_is_origin(hf_span_of(set)))
		snprintf(out_origin, HF_TOOL_ORIGIN_SIZE, "%s", set);
	else
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.60s' is neither a set's name (a-z, 0-9 "
			      "and -) nor an origin (domain/name/1)",
			      set);
	return HF_OK;
}

enum hf_err hf_tool_number(const struct hf_tool *tool,
			   enum hf_tool_option option, uint64_t least,
			   uint64_t most, uint64_t fallback,
			   uint64_t *out_number, struct hf_why *why)
{
	const char *text = hf_tool_option(tool, option);
	uint64_t number;

	if (text == NULL) {
		*out_number = fallback;
		return HF_OK;
	}
	if (hf_text_u64(hf_span_of(text), most, &number) != HF_OK ||
	    number < least)
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.40s' is not a number from %llu to %llu", text,
			      (unsigned long long)least,
			      (unsigned long long)most);
	*out_number = number;
	return HF_OK;
}

enum hf_err hf_tool_check_country(const char *country, struct hf_why *why)
{
	if (country == NULL || !hf_text_is_country(hf_span_of(country)))
		return hf_why(why, HF_E_ARGUMENT,
			      "--country takes two capital letters, such as "
			      "NL");
	return HF_OK;
}

void hf_tool_date(uint64_t wall_ms, char out_text[static HF_TOOL_DATE_SIZE])
{
	char text[HF_CLOCK_TEXT_SIZE];

	hf_clock_text(wall_ms, text);
	memcpy(out_text, text, HF_TOOL_DATE_SIZE - 1);
	out_text[HF_TOOL_DATE_SIZE - 1] = '\0';
}

void hf_tool_id(const uint8_t *bytes, char out_text[static HF_TOOL_ID_SIZE])
{
	char hex[33];
	char *at = out_text;

	hf_hex(bytes, 16, hex);
	for (int i = 0; i < 32; i++) {
		if (i > 0 && i % 4 == 0)
			*at++ = ' ';
		*at++ = hex[i];
	}
	*at = '\0';
}

static void print_hex(const char *name, struct hf_span bytes)
{
	char hex[2 * HF_HASH_BYTES + 1] = "";

	if (bytes.len_bytes <= HF_HASH_BYTES)
		hf_hex(bytes.at, bytes.len_bytes, hex);
	printf("%-14s %s\n", name, hex);
}

void hf_tool_print_manifest(const struct hf_manifest *manifest)
{
	char issued[HF_TOOL_DATE_SIZE], expires[HF_TOOL_DATE_SIZE];

	hf_tool_date(manifest->issued_ms, issued);
	hf_tool_date(manifest->expires_ms, expires);
	printf("%-14s %s\n", "organisation", manifest->name);
	printf("%-14s %s\n", "country", manifest->country);
	print_hex("id", manifest->organisation_id);
	printf("%-14s %llu\n", "version",
	       (unsigned long long)manifest->version);
	printf("%-14s %s\n", "issued", issued);
	printf("%-14s %s\n", "expires", expires);
	for (size_t i = 0; i < manifest->endpoints_count; i++)
		printf("%-14s %s\n", "endpoint", manifest->endpoints[i]);
	printf("%-14s %u of %zu root keys\n", "signed by", manifest->threshold,
	       manifest->root_keys_count);
	for (size_t i = 0; i < manifest->root_keys_count; i++)
		print_hex("root key", manifest->root_keys[i]);
	print_hex("agreement key", manifest->agreement_key);
	print_hex("notice key", manifest->notice_key);
	print_hex("receive key", manifest->receive_key);
	for (size_t i = 0; i < manifest->tls_pins_count; i++)
		print_hex("TLS pin", manifest->tls_pins[i]);
}

/* Who it is, where the ring knows. */
static void print_party(const char *role, const struct hf_ring *ring,
			struct hf_span id)
{
	const struct hf_organisation *who =
		ring != NULL ? hf_ring_by_id(ring, id.at) : NULL;
	char hex[2 * HF_HASH_BYTES + 1];

	hf_hex(id.at, id.len_bytes, hex);
	printf("%-14s %s%s%s\n", role, hex, who != NULL ? "  " : "",
	       who != NULL ? who->name : "");
}

/* Which trees a key counts for. */
static void print_set_key(const struct hf_set_key *key)
{
	char hex[2 * HF_HASH_BYTES + 1];

	hf_hex(key->key.at, key->key.len_bytes, hex);
	printf("%-14s %s from %llu",
	       key->is_cosigner ? "cosigner key" : "log key", hex,
	       (unsigned long long)key->first_size);
	if (key->is_void)
		printf(" to %llu entries, void above\n",
		       (unsigned long long)key->last_size);
	else
		printf(" entries on\n");
}

void hf_tool_print_agreement(const struct hf_ring *ring,
			     const struct hf_agreement *agreement)
{
	char issued[HF_TOOL_DATE_SIZE], expires[HF_TOOL_DATE_SIZE];

	hf_tool_date(agreement->issued_ms, issued);
	hf_tool_date(agreement->expires_ms, expires);
	printf("%-14s %s\n", "set", agreement->origin);
	printf("%-14s %llu\n", "version",
	       (unsigned long long)agreement->version);
	print_party("publisher", ring, agreement->organisation_id);
	printf("%-14s %s\n", "issued", issued);
	printf("%-14s %s\n", "expires", expires);
	print_hex("log key", agreement->log_key);
	print_hex("cosigner key", agreement->cosigner_key);
	for (size_t i = 0; i < agreement->keys_count; i++)
		print_set_key(&agreement->keys[i]);
	printf("%-14s %s\n", "cosigner", agreement->cosigner_name);
	printf("%-14s %s\n", "relay", hf_relay_word(agreement->relay));
	for (size_t i = 0; i < agreement->audience_count; i++)
		print_party("member", ring, agreement->audience[i]);
	for (size_t i = 0; i < agreement->relays_count; i++)
		print_party("relay", ring, agreement->relays[i]);
	for (size_t i = 0; i < agreement->witnesses_count; i++)
		print_party("witness", ring, agreement->witnesses[i]);
	for (size_t i = 0; i < agreement->classes_count; i++)
		printf("%-14s %s\n", "class",
		       hf_class_word(agreement->classes[i]));
	if (agreement->purpose[0] != '\0')
		printf("%-14s %s\n", "purpose", agreement->purpose);
}

enum hf_err hf_tool_give(const char *path, struct hf_why *why)
{
	char copy[HF_TOOL_PATH_SIZE];
	struct stat found;

	if (geteuid() != 0)
		return HF_OK;
	snprintf(copy, sizeof(copy), "%s", path);
	if (stat(dirname(copy), &found) != 0 ||
	    lchown(path, found.st_uid, found.st_gid) != 0)
		return hf_why_errno(why, "give '%s' to its owner", path);
	return HF_OK;
}
