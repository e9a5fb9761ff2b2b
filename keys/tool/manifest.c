/*
 * hashfed-key manifest: show and sign.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "cert.h"
#include "codec_document.h"
#include "receiveset.h"
#include "ringdir.h"
#include "text.h"
#include "trust.h"
#include "vault.h"

#include "tool.h"

#define LIFE_DAYS 396 /* 13 months */

enum hf_err hf_tool_manifest_show(struct hf_tool *tool, struct hf_why *why)
{
	struct hf_invite_read invite;
	struct hf_ring *ring;
	struct hf_span text;
	enum hf_err err;

	if (tool->args_count == 0) {
		err = hf_ring_load(tool->ring, &ring, why);
		if (err == HF_OK)
			hf_tool_print_manifest(hf_ring_self(ring)->manifest);
		if (err == HF_OK)
			hf_ring_release(ring);
		return err;
	}
	err = hf_tool_read(tool, tool->args[0], &text, why);
	if (err == HF_OK)
		err = hf_trust_invite(text, &tool->arena, &invite, why);
	if (err == HF_OK)
		hf_tool_print_manifest(invite.manifest);
	return err;
}

/* The manifest being made, with room for what it points to. */
struct draft {
	struct hf_manifest manifest;
	struct hf_span pins[HF_PINS_MAX + HF_TOOL_VALUES_MAX];
	uint8_t added[HF_TOOL_VALUES_MAX][HF_CERT_PIN_BYTES];
	struct hf_span roots[HF_ROOT_KEYS_MAX];
	struct hf_public_key new_roots[HF_ROOT_KEYS_MAX];
	struct hf_public_key receive;
};

/* 64 digits, or a certificate's file. */
static enum hf_err pin_of(struct hf_tool *tool, const char *text,
			  uint8_t out_pin[static HF_CERT_PIN_BYTES],
			  struct hf_why *why)
{
	struct hf_cert_info info;
	struct hf_span pem;
	enum hf_err err;

	if (strlen(text) == 2 * HF_CERT_PIN_BYTES &&
	    hf_hex_parse(hf_span_of(text), out_pin, HF_CERT_PIN_BYTES) == HF_OK)
		return HF_OK;
	err = hf_tool_read(tool, text, &pem, why);
	if (err == HF_OK)
		err = hf_cert_inspect(pem, &info, why);
	if (err != HF_OK) {
		hf_why_prefix(why, "a pin is 64 hex digits or a "
				   "certificate's file: ");
		return err;
	}
	memcpy(out_pin, info.pin, HF_CERT_PIN_BYTES);
	return HF_OK;
}

static void print_pin(const char *sign, struct hf_span pin)
{
	char hex[2 * HF_CERT_PIN_BYTES + 1];

	hf_hex(pin.at, pin.len_bytes, hex);
	printf("%s TLS pin  %s\n", sign, hex);
}

static enum hf_err remove_pin(struct draft *draft, struct hf_span pin,
			      struct hf_why *why)
{
	struct hf_manifest *manifest = &draft->manifest;

	for (size_t i = 0; i < manifest->tls_pins_count; i++) {
		if (!hf_span_equal(draft->pins[i], pin))
			continue;
		memmove(&draft->pins[i], &draft->pins[i + 1],
			(manifest->tls_pins_count - i - 1) * sizeof(pin));
		manifest->tls_pins_count--;
		print_pin("-", pin);
		return HF_OK;
	}
	return hf_why(why, HF_E_NOTFOUND, "the manifest has no such TLS pin");
}

static enum hf_err change_pins(struct hf_tool *tool, struct draft *draft,
			       struct hf_why *why)
{
	const struct hf_tool_values *add = &tool->options[HF_TOOL_ADD_PIN];
	const struct hf_tool_values *drop = &tool->options[HF_TOOL_REMOVE_PIN];
	struct hf_manifest *manifest = &draft->manifest;
	uint8_t pin[HF_CERT_PIN_BYTES];
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < drop->count && err == HF_OK; i++) {
		err = pin_of(tool, drop->at[i], pin, why);
		if (err == HF_OK)
			err = remove_pin(draft, hf_span(pin, sizeof(pin)), why);
	}
	for (size_t i = 0; i < add->count && err == HF_OK; i++) {
		struct hf_span *one = &draft->pins[manifest->tls_pins_count];

		err = pin_of(tool, add->at[i], draft->added[i], why);
		if (err != HF_OK)
			break;
		*one = hf_span(draft->added[i], HF_CERT_PIN_BYTES);
		manifest->tls_pins_count++;
		print_pin("+", *one);
	}
	if (err == HF_OK && (manifest->tls_pins_count == 0 ||
			     manifest->tls_pins_count > HF_PINS_MAX))
		err = hf_why(why, HF_E_ARGUMENT,
			     "a manifest has 1 to %d TLS pins, not %zu",
			     HF_PINS_MAX, manifest->tls_pins_count);
	return err;
}

static enum hf_err change_endpoints(struct hf_tool *tool, struct draft *draft,
				    struct hf_why *why)
{
	const struct hf_tool_values *given = &tool->options[HF_TOOL_ENDPOINT];
	bool none = tool->options[HF_TOOL_NO_ENDPOINT].count > 0;
	struct hf_manifest *manifest = &draft->manifest;

	if (given->count == 0 && !none)
		return HF_OK;
	if (given->count > 0 && none)
		return hf_why(why, HF_E_ARGUMENT,
			      "--endpoint and --no-endpoint contradict");
	if (given->count > HF_ENDPOINTS_MAX)
		return hf_why(why, HF_E_LIMIT, "at most %d endpoints",
			      HF_ENDPOINTS_MAX);
	for (size_t i = 0; i < given->count; i++) {
		if (!hf_text_is_endpoint(hf_span_of(given->at[i])))
			return hf_why(why, HF_E_ARGUMENT,
				      "'%.60s' is no endpoint: host:port",
				      given->at[i]);
	}
	for (size_t i = 0; i < manifest->endpoints_count; i++)
		printf("- endpoint %s\n", manifest->endpoints[i]);
	for (size_t i = 0; i < given->count; i++)
		printf("+ endpoint %s\n", given->at[i]);
	manifest->endpoints = given->at;
	manifest->endpoints_count = given->count;
	return HF_OK;
}

static void print_root(const char *sign, struct hf_span key)
{
	char hex[2 * HF_PUBLIC_KEY_BYTES + 1];

	hf_hex(key.at, key.len_bytes, hex);
	printf("%s root key %s\n", sign, hex);
}

/* --new-root names all root keys from now on.  What their files claim is
 * shown; that it is true follows when they sign. */
static enum hf_err change_roots(struct hf_tool *tool, struct draft *draft,
				struct hf_why *why)
{
	const struct hf_tool_values *given = &tool->options[HF_TOOL_NEW_ROOT];
	struct hf_manifest *manifest = &draft->manifest;
	uint64_t threshold;
	enum hf_err err;

	if (given->count > HF_ROOT_KEYS_MAX)
		return hf_why(why, HF_E_LIMIT, "at most %d root keys",
			      HF_ROOT_KEYS_MAX);
	for (size_t i = 0; given->count > 0 && i < manifest->root_keys_count;
	     i++)
		print_root("-", manifest->root_keys[i]);
	for (size_t i = 0; i < given->count; i++) {
		struct hf_keyfile_info info;

		err = hf_vault_inspect(given->at[i], HF_VAULT_OWN, &info, why);
		if (err != HF_OK)
			return err;
		draft->new_roots[i] = info.public_key;
		draft->roots[i] =
			hf_span(draft->new_roots[i].bytes, HF_PUBLIC_KEY_BYTES);
		print_root("+", draft->roots[i]);
	}
	if (given->count > 0) {
		manifest->root_keys = draft->roots;
		manifest->root_keys_count = given->count;
	}
	err = hf_tool_number(tool, HF_TOOL_THRESHOLD, 1, HF_ROOT_KEYS_MAX,
			     manifest->threshold, &threshold, why);
	if (err != HF_OK)
		return err;
	if (threshold > manifest->root_keys_count)
		return hf_why(why, HF_E_ARGUMENT,
			      "%llu of %zu root keys cannot sign",
			      (unsigned long long)threshold,
			      manifest->root_keys_count);
	if (threshold != manifest->threshold)
		printf("- signed by %u of the root keys\n"
		       "+ signed by %llu of the root keys\n",
		       manifest->threshold, (unsigned long long)threshold);
	manifest->threshold = (uint32_t)threshold;
	return HF_OK;
}

static void print_receive(const char *sign, struct hf_span key)
{
	char hex[2 * HF_PUBLIC_KEY_BYTES + 1];

	hf_hex(key.at, key.len_bytes, hex);
	printf("%s receive key %s\n", sign, hex);
}

/* Receive keys follow one another, and who has nothing newer seals for the one
 * in the manifest: name the newest, where this machine has them. */
static enum hf_err change_receive(struct hf_tool *tool, struct draft *draft,
				  struct hf_why *why)
{
	struct hf_manifest *manifest = &draft->manifest;
	struct hf_receiveset *keys = NULL;
	const struct hf_key *newest;
	enum hf_err err;

	if (access(tool->signer, R_OK | X_OK) != 0)
		return HF_OK;
	err = hf_tool_receive_keys(tool, &keys, why);
	if (err == HF_E_UNAUTHENTICATED) {
		printf("The receive keys need a passphrase: the manifest goes "
		       "on naming the one it names.\n");
		return HF_OK;
	}
	if (err != HF_OK)
		return err;
	newest = hf_receiveset_newest(keys);
	if (newest != NULL && !hf_span_equal(manifest->receive_key,
					     hf_span(newest->public_key.bytes,
						     HF_PUBLIC_KEY_BYTES))) {
		print_receive("-", manifest->receive_key);
		draft->receive = newest->public_key;
		manifest->receive_key =
			hf_span(draft->receive.bytes, HF_PUBLIC_KEY_BYTES);
		print_receive("+", manifest->receive_key);
	}
	hf_receiveset_close(keys);
	return HF_OK;
}

/* The next version with what the options change, printed as it changes. */
static enum hf_err draft_next(struct hf_tool *tool,
			      const struct hf_manifest *held,
			      struct draft *draft, struct hf_why *why)
{
	const char *country = hf_tool_option(tool, HF_TOOL_COUNTRY);
	struct hf_manifest *manifest = &draft->manifest;
	char from[HF_TOOL_DATE_SIZE], to[HF_TOOL_DATE_SIZE];
	enum hf_err err;

	*manifest = *held;
	for (size_t i = 0; i < held->tls_pins_count; i++)
		draft->pins[i] = held->tls_pins[i];
	manifest->tls_pins = draft->pins;
	manifest->version = held->version + 1;
	manifest->issued_ms = tool->now_ms;
	manifest->expires_ms = tool->now_ms + LIFE_DAYS * HF_TOOL_DAY_MS;
	if (manifest->issued_ms < held->issued_ms)
		return hf_why(why, HF_E_CONFLICT,
			      "the manifest held was issued later than this "
			      "computer's clock says it is now");
	hf_tool_date(held->expires_ms, from);
	hf_tool_date(manifest->expires_ms, to);
	printf("Manifest of %s:\n- version  %llu, until %s\n"
	       "+ version  %llu, until %s\n",
	       held->name, (unsigned long long)held->version, from,
	       (unsigned long long)manifest->version, to);
	if (country != NULL) {
		err = hf_tool_check_country(country, why);
		if (err != HF_OK)
			return err;
		printf("- country  %s\n+ country  %s\n", held->country,
		       country);
		manifest->country = country;
	}
	err = change_roots(tool, draft, why);
	if (err == HF_OK)
		err = change_endpoints(tool, draft, why);
	if (err == HF_OK)
		err = change_pins(tool, draft, why);
	if (err == HF_OK)
		err = change_receive(tool, draft, why);
	return err;
}

/* Root keys that sign, at most those of two versions. */
struct signers {
	struct hf_key *keys[2 * HF_ROOT_KEYS_MAX]; /* owned */
	const struct hf_secret *secrets[2 * HF_ROOT_KEYS_MAX];
	size_t count;
};

static enum hf_err load_root(const struct hf_tool *tool, const char *path,
			     struct signers *signers, struct hf_why *why)
{
	struct hf_passphrase passphrase = { NULL, 0 };
	struct hf_keyfile_info info;
	char prompt[128];
	enum hf_err err;

	if (signers->count == 2 * HF_ROOT_KEYS_MAX)
		return hf_why(why, HF_E_LIMIT, "at most %d root keys sign",
			      2 * HF_ROOT_KEYS_MAX);
	/* Say what is wrong with the file before asking. */
	err = hf_vault_inspect(path, HF_VAULT_OWN, &info, why);
	snprintf(prompt, sizeof(prompt), "Passphrase of '%.90s': ", path);
	if (err == HF_OK)
		err = hf_tool_passphrase(tool, prompt, false, &passphrase, why);
	if (err == HF_OK)
		err = hf_vault_load(path, HF_VAULT_OWN, HF_KEY_ROOT,
				    hf_passphrase_span(&passphrase),
				    &signers->keys[signers->count], why);
	hf_passphrase_release(&passphrase);
	if (err != HF_OK)
		return err;
	signers->secrets[signers->count] =
		signers->keys[signers->count]->secret;
	signers->count++;
	return HF_OK;
}

/* --root, or the one in lib/signer; then --new-root. */
static enum hf_err load_signers(const struct hf_tool *tool,
				struct signers *signers, struct hf_why *why)
{
	const struct hf_tool_values *old = &tool->options[HF_TOOL_ROOT];
	const struct hf_tool_values *new = &tool->options[HF_TOOL_NEW_ROOT];
	char path[HF_TOOL_PATH_SIZE];
	enum hf_err err = HF_OK;

	hf_tool_key_path(tool, HF_KEY_ROOT, path);
	if (old->count == 0)
		err = load_root(tool, path, signers, why);
	for (size_t i = 0; i < old->count && err == HF_OK; i++)
		err = load_root(tool, old->at[i], signers, why);
	for (size_t i = 0; i < new->count &&err == HF_OK; i++)
		err = load_root(tool, new->at[i], signers, why);
	return err;
}

enum hf_err hf_tool_manifest_sign(struct hf_tool *tool, struct hf_why *why)
{
	static struct signers signers;
	static struct draft draft;
	struct hf_buf document;
	struct hf_ring *ring;
	enum hf_err err;

	err = hf_ring_load(tool->ring, &ring, why);
	if (err != HF_OK)
		return err;
	hf_buf_init(&document, HF_MANIFEST_MAX_BYTES);
	err = draft_next(tool, hf_ring_self(ring)->manifest, &draft, why);
	fflush(stdout);
	if (err == HF_OK)
		err = load_signers(tool, &signers, why);
	if (err == HF_OK)
		err = hf_trust_manifest_make(&draft.manifest, signers.secrets,
					     signers.count, &document, why);
	if (err == HF_OK)
		err = hf_ring_save_manifest(tool->ring, hf_buf_span(&document),
					    why);
	if (err == HF_OK)
		printf("Signed; peers learn of it from the daemon.\n");
	for (size_t i = 0; i < signers.count; i++)
		hf_key_free(signers.keys[i]);
	hf_buf_release(&document);
	hf_ring_release(ring);
	return err;
}
