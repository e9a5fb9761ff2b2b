/*
 * hashfed-key root new, tls new and storage new: keys that come later.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "cert.h"
#include "limit.h"
#include "vault.h"

#include "made.h"
#include "tool.h"

/* The pin in the manifest counts; the date only ends what is forgotten. */
#define TLS_LIFE_DAYS 1826

enum hf_err hf_tool_make_node(const struct hf_tool *tool, const char *domain,
			      const char *dir, struct hf_made *made,
			      uint8_t out_pin[static HF_CERT_PIN_BYTES],
			      struct hf_why *why)
{
	/* A peer's clock may be a little behind ours. */
	const struct hf_cert_dates dates = {
		tool->now_ms - HF_FUTURE_MAX_MS,
		tool->now_ms + TLS_LIFE_DAYS * HF_TOOL_DAY_MS,
	};
	char path[HF_TOOL_PATH_SIZE];
	struct hf_cert_made node;
	struct hf_cert_info info;
	enum hf_err err;

	err = hf_cert_node_new(hf_span_of(domain), dates, &node, why);
	if (err != HF_OK)
		return err;
	err = hf_cert_inspect(hf_span_of(node.cert_pem), &info, why);
	if (err == HF_OK)
		err = hf_tool_path(path, dir, "node.key", why);
	if (err == HF_OK)
		err = hf_made_file(made, path, hf_span_of(node.key_pem), 0600,
				   why);
	if (err == HF_OK)
		err = hf_tool_path(path, dir, "node.crt", why);
	if (err == HF_OK)
		err = hf_made_file(made, path, hf_span_of(node.cert_pem), 0644,
				   why);
	if (err == HF_OK)
		memcpy(out_pin, info.pin, HF_CERT_PIN_BYTES);
	hf_cert_made_wipe(&node);
	return err;
}

enum hf_err hf_tool_tls_new(struct hf_tool *tool, struct hf_why *why)
{
	const char *dir = hf_tool_option(tool, HF_TOOL_OUT);
	char hex[2 * HF_CERT_PIN_BYTES + 1];
	uint8_t pin[HF_CERT_PIN_BYTES];
	static struct hf_made made;
	struct hf_ring *ring;
	enum hf_err err;

	if (dir == NULL)
		return hf_why(why, HF_E_ARGUMENT,
			      "--out names the directory for node.key and "
			      "node.crt");
	err = hf_ring_load(tool->ring, &ring, why);
	if (err != HF_OK)
		return err;
	err = hf_made_dir(&made, dir, 0700, why);
	if (err == HF_OK)
		err = hf_tool_make_node(tool, hf_ring_self(ring)->name, dir,
					&made, pin, why);
	hf_ring_release(ring);
	if (err != HF_OK) {
		hf_made_undo(&made);
		return err;
	}
	hf_hex(pin, sizeof(pin), hex);
	printf("The pin of the new TLS key is %s\n\n"
	       "Next:\n  hashfed-key manifest sign --add-pin %s/node.crt\n"
	       "  (when all peers have that manifest) put node.key and "
	       "node.crt into %s and restart hashfedd\n"
	       "  hashfed-key manifest sign --remove-pin OLD\n",
	       hex, dir, tool->tls);
	return HF_OK;
}

/* Never over one that is there: what it kept would be lost. */
enum hf_err hf_tool_storage_new(struct hf_tool *tool, struct hf_why *why)
{
	char path[HF_TOOL_PATH_SIZE];
	enum hf_err err;

	hf_tool_key_path(tool, HF_KEY_STORAGE, path);
	err = hf_tool_key_make(tool, HF_KEY_STORAGE, path, why);
	if (err == HF_OK)
		printf("Made '%s'.  Back it up: without it nobody can read "
		       "what takedown cases said.\n\n"
		       "Next:\n  restart hashfed-signer, or hashfedd where "
		       "that starts it\n",
		       path);
	return err;
}

enum hf_err hf_tool_root_new(struct hf_tool *tool, struct hf_why *why)
{
	const char *copy = hf_tool_option(tool, HF_TOOL_RECOVERY_FILE);
	struct hf_passphrase passphrase = { NULL, 0 };
	const char *path = tool->args[0];
	struct hf_key_facts facts = { .role = HF_KEY_ROOT,
				      .created_ms = tool->now_ms };
	struct hf_key *key = NULL;
	struct hf_key_lock lock;
	struct hf_ring *ring;
	enum hf_err err;

	if (access(path, F_OK) == 0)
		return hf_why(why, HF_E_EXISTS,
			      "'%s' is there already and stays as it is", path);
	err = hf_ring_load(tool->ring, &ring, why);
	if (err != HF_OK)
		return err;
	facts.domain = hf_span_of(hf_ring_self(ring)->name);
	err = hf_tool_cost(tool, &lock.cost, why);
	if (err == HF_OK)
		err = hf_tool_passphrase(tool,
					 "Passphrase for this root key: ", true,
					 &passphrase, why);
	if (err == HF_OK)
		err = hf_key_new(&facts, &key, why);
	if (err == HF_OK)
		err = hf_tool_recovery_copy(tool, key, why);
	if (err != HF_OK)
		goto out;
	lock.passphrase = hf_passphrase_span(&passphrase);
	err = hf_vault_create(path, key, &lock, why);
	if (err != HF_OK && copy != NULL)
		unlink(copy);
	if (err == HF_OK)
		printf("'%s' is a root key of %s once a manifest names it: "
		       "hashfed-key manifest sign --new-root %s\n",
		       path, hf_ring_self(ring)->name, path);
out:
	hf_key_free(key);
	hf_passphrase_release(&passphrase);
	hf_ring_release(ring);
	return err;
}
