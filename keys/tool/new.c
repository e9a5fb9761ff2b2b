/*
 * hashfed-key new: everything that an organisation is, or nothing.
 */
#include <errno.h>
#include <ftw.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "codec_document.h"
#include "file.h"
#include "ringdir.h"
#include "text.h"
#include "trust.h"
#include "vault.h"

#include "made.h"
#include "tool.h"

#define ROOT_LIFE_DAYS   396 /* of a manifest: 13 months */
#define ISSUER_LIFE_DAYS 3652

/* The keys that are made besides the root key, in the order of roles[]. */
static const enum hf_key_role roles[] = { HF_KEY_LOG,       HF_KEY_COSIGNER,
					  HF_KEY_AGREEMENT, HF_KEY_NOTICE,
					  HF_KEY_RECEIVE,   HF_KEY_CLIENTS,
					  HF_KEY_STORAGE };

#define ROLES (sizeof(roles) / sizeof(roles[0]))

struct making {
	struct hf_tool *tool;
	const char *domain;
	struct hf_key *root; /* owned, like the rest */
	struct hf_key *keys[ROLES];
	struct hf_passphrase passphrase;
	char issuer_pem[HF_CERT_SIZE];
	uint8_t pin[HF_CERT_PIN_BYTES];
	uint8_t id[HF_HASH_BYTES];
	uint64_t expires_ms;
	bool has_signer_user; /* a service of its own signs */
	struct hf_made made;
};

static struct hf_key *key_of(const struct making *making, enum hf_key_role role)
{
	for (size_t i = 0; i < ROLES; i++) {
		if (roles[i] == role)
			return making->keys[i];
	}
	return NULL;
}

/* --- Before anything is made. -------------------------------------------- */

static enum hf_err check_arguments(const struct hf_tool *tool,
				   struct hf_why *why)
{
	const struct hf_tool_values *sets = &tool->options[HF_TOOL_SET];
	const struct hf_tool_values *ends = &tool->options[HF_TOOL_ENDPOINT];
	const char *listen = hf_tool_option(tool, HF_TOOL_LISTEN);
	enum hf_err err;

	if (!hf_text_is_domain(hf_span_of(tool->args[0])))
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.60s' is no domain in lower case, such as "
			      "hotline.example",
			      tool->args[0]);
	err = hf_tool_check_country(hf_tool_option(tool, HF_TOOL_COUNTRY), why);
	if (err != HF_OK)
		return err;
	for (size_t i = 0; i < sets->count; i++) {
		if (!hf_text_is_set_name(hf_span_of(sets->at[i])))
			return hf_why(why, HF_E_ARGUMENT,
				      "'%.60s' is no set name: a-z, 0-9 and -",
				      sets->at[i]);
	}
	if (ends->count > HF_ENDPOINTS_MAX)
		return hf_why(why, HF_E_LIMIT, "at most %d endpoints",
			      HF_ENDPOINTS_MAX);
	for (size_t i = 0; i < ends->count; i++) {
		if (!hf_text_is_endpoint(hf_span_of(ends->at[i])))
			return hf_why(why, HF_E_ARGUMENT,
				      "'%.60s' is no endpoint: host:port",
				      ends->at[i]);
	}
	/* Port 0 lets the system choose: tests and trials do. */
	if (listen != NULL && (strchr(listen, ':') == NULL ||
			       strpbrk(listen, " \t\n#'\"") != NULL))
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.60s' is no address: ADDR:PORT", listen);
	return HF_OK;
}

static enum hf_err check_absent(const char *dir, const char *name,
				struct hf_why *why)
{
	char path[HF_TOOL_PATH_SIZE];
	enum hf_err err = hf_tool_path(path, dir, name, why);
	struct stat found;

	if (err == HF_OK && lstat(path, &found) == 0)
		err = hf_why(why, HF_E_EXISTS,
			     "'%s' is there already: an organisation is made "
			     "only where there is none",
			     path);
	return err;
}

static enum hf_err check_place(const struct hf_tool *tool, struct hf_why *why)
{
	static const char *const in_lib[] = { "ring", "tls/node.key",
					      "tls/node.crt", "ledger",
					      "signer/record" };
	char name[64];
	enum hf_err err = check_absent(tool->layout.etc, "hashfedd.conf", why);

	for (size_t i = 0; i < sizeof(in_lib) / sizeof(in_lib[0]); i++) {
		if (err == HF_OK)
			err = check_absent(tool->layout.lib, in_lib[i], why);
	}
	for (size_t i = 0; i <= ROLES && err == HF_OK; i++) {
		snprintf(name, sizeof(name), "%s.key",
			 hf_key_role_name(i < ROLES ? roles[i] : HF_KEY_ROOT));
		err = check_absent(tool->signer, name, why);
	}
	return err;
}

/* --- Making. ------------------------------------------------------------- */

static enum hf_err make_keys(struct making *making, struct hf_why *why)
{
	struct hf_key_facts facts = {
		.role = HF_KEY_ROOT,
		.domain = hf_span_of(making->domain),
		.created_ms = making->tool->now_ms,
	};
	enum hf_err err = hf_key_new(&facts, &making->root, why);

	for (size_t i = 0; i < ROLES && err == HF_OK; i++) {
		facts.role = roles[i];
		err = hf_key_new(&facts, &making->keys[i], why);
	}
	return err;
}

static enum hf_err make_issuer(struct making *making, struct hf_why *why)
{
	uint64_t now_ms = making->tool->now_ms;
	const struct hf_cert_dates dates = {
		now_ms - HF_FUTURE_MAX_MS,
		now_ms + ISSUER_LIFE_DAYS * HF_TOOL_DAY_MS,
	};

	return hf_cert_issuer_new(key_of(making, HF_KEY_CLIENTS)->secret,
				  hf_span_of(making->domain), dates,
				  making->issuer_pem, why);
}

static struct hf_span key_span(const struct hf_key *key)
{
	return hf_span(key->public_key.bytes, HF_PUBLIC_KEY_BYTES);
}

static enum hf_err make_manifest(struct making *making, struct hf_buf *document,
				 struct hf_why *why)
{
	struct hf_tool *tool = making->tool;
	const struct hf_secret *root = making->root->secret;
	struct hf_span root_key = key_span(making->root);
	struct hf_span pin = hf_span(making->pin, sizeof(making->pin));
	struct hf_manifest manifest = {
		.organisation_id = hf_span(making->id, sizeof(making->id)),
		.version = 1,
		.name = making->domain,
		.country = hf_tool_option(tool, HF_TOOL_COUNTRY),
		.root_keys = &root_key,
		.root_keys_count = 1,
		.threshold = 1,
		.agreement_key = key_span(key_of(making, HF_KEY_AGREEMENT)),
		.notice_key = key_span(key_of(making, HF_KEY_NOTICE)),
		.receive_key = key_span(key_of(making, HF_KEY_RECEIVE)),
		.tls_pins = &pin,
		.tls_pins_count = 1,
		.endpoints = tool->options[HF_TOOL_ENDPOINT].at,
		.endpoints_count = tool->options[HF_TOOL_ENDPOINT].count,
		.issued_ms = tool->now_ms,
		.expires_ms = tool->now_ms + ROOT_LIFE_DAYS * HF_TOOL_DAY_MS,
	};

	hf_trust_organisation_id(1, &making->root->public_key, 1, making->id);
	making->expires_ms = manifest.expires_ms;
	return hf_trust_manifest_make(&manifest, &root, 1, document, why);
}

static enum hf_err put_keys(struct making *making, struct hf_why *why)
{
	struct hf_key_lock lock = {
		.passphrase = hf_passphrase_span(&making->passphrase),
	};
	const struct hf_key_lock open_lock = { { NULL, 0 }, { 0, 0 } };
	char path[HF_TOOL_PATH_SIZE];
	enum hf_err err;

	err = hf_tool_cost(making->tool, &lock.cost, why);
	hf_tool_key_path(making->tool, HF_KEY_ROOT, path);
	if (err == HF_OK)
		err = hf_vault_create(path, making->root, &lock, why);
	if (err == HF_OK)
		err = hf_made_note(&making->made, path, why);
	for (size_t i = 0; i < ROLES && err == HF_OK; i++) {
		hf_tool_key_path(making->tool, roles[i], path);
		err = hf_vault_create(path, making->keys[i], &open_lock, why);
		if (err == HF_OK)
			err = hf_made_note(&making->made, path, why);
	}
	return err;
}

static enum hf_err put_agreement(struct making *making, const char *set,
				 struct hf_why *why)
{
	char origin[HF_TOOL_ORIGIN_SIZE], cosigner[HF_COSIGNER_MAX_BYTES + 1];
	const struct hf_key *log = key_of(making, HF_KEY_LOG);
	const struct hf_key *cosigner_key = key_of(making, HF_KEY_COSIGNER);
	struct hf_agreement agreement = {
		.origin = origin,
		.version = 1,
		.organisation_id = hf_span(making->id, sizeof(making->id)),
		.log_key = key_span(log),
		.cosigner_key = key_span(cosigner_key),
		.cosigner_name = cosigner,
		.relay = HF_RELAY_NONE,
		.purpose = "",
		.issued_ms = making->tool->now_ms,
		.expires_ms = making->expires_ms,
	};
	struct hf_buf document;
	enum hf_err err;

	snprintf(origin, sizeof(origin), "%s/%s/1", making->domain, set);
	snprintf(cosigner, sizeof(cosigner), "%s/cosigner", making->domain);
	hf_buf_init(&document, HF_AGREEMENT_MAX_BYTES);
	err = hf_trust_agreement_make(&agreement,
				      key_of(making, HF_KEY_AGREEMENT)->secret,
				      &document, why);
	if (err == HF_OK)
		err = hf_ring_save_agreement(making->tool->ring,
					     hf_buf_span(&document), why);
	hf_buf_release(&document);
	return err;
}

static enum hf_err put_ring(struct making *making, struct hf_why *why)
{
	const struct hf_tool_values *sets = &making->tool->options[HF_TOOL_SET];
	struct hf_buf document;
	enum hf_err err;

	hf_buf_init(&document, HF_MANIFEST_MAX_BYTES);
	err = make_manifest(making, &document, why);
	if (err == HF_OK) {
		struct hf_why full;

		err = hf_ring_create(making->tool->ring, hf_buf_span(&document),
				     hf_span_of(making->issuer_pem), why);
		/* Half a ring is ours too; one that was there is not. */
		if (err != HF_E_EXISTS &&
		    hf_made_note(&making->made, making->tool->ring, &full) !=
			    HF_OK &&
		    err == HF_OK)
			err = hf_why(why, HF_E_LIMIT, "%s", full.text);
	}
	for (size_t i = 0; i < sets->count && err == HF_OK; i++)
		err = put_agreement(making, sets->at[i], why);
	hf_buf_release(&document);
	return err;
}

static enum hf_err put_conf(struct making *making, struct hf_why *why)
{
	const char *listen = hf_tool_option(making->tool, HF_TOOL_LISTEN);
	char path[HF_TOOL_PATH_SIZE];
	struct hf_buf text;
	enum hf_err err;

	err = hf_tool_path(path, making->tool->layout.etc, "hashfedd.conf",
			   why);
	if (err != HF_OK)
		return err;
	hf_buf_init(&text, 4096);
	hf_buf_printf(&text,
		      "# hashfedd of %s.  hashfedd.conf(5) has all options;\n"
		      "# those that are not here have their defaults.\n",
		      making->domain);
	if (listen != NULL)
		hf_buf_printf(&text,
			      "\n# Where peers reach this node.\n"
			      "listen: \"%s\"\n",
			      listen);
	if (!making->has_signer_user)
		hf_buf_put_text(&text,
				"\n# hashfedd starts hashfed-signer itself; as "
				"a service of its own, with\n# its own user, "
				"the signer is safe from a daemon that was "
				"taken over.\nsigner: spawn\n");
	err = hf_buf_failed(&text);
	if (err == HF_OK)
		err = hf_made_file(&making->made, path, hf_buf_span(&text),
				   0644, why);
	hf_buf_release(&text);
	return err;
}

/* --- Whose files they are, in the system's layout. ----------------------- */

static uid_t give_uid;
static gid_t give_gid;

static int give_one(const char *path, const struct stat *found, int kind,
		    struct FTW *at)
{
	return lchown(path, give_uid, give_gid);
}

static enum hf_err give_tree(const char *path, const struct passwd *user,
			     struct hf_why *why)
{
	give_uid = user->pw_uid;
	give_gid = user->pw_gid;
	if (nftw(path, give_one, 16, FTW_PHYS) != 0)
		return hf_why_errno(why, "give '%s' to %s", path,
				    user->pw_name);
	return HF_OK;
}

static enum hf_err give_all(const struct making *making, struct hf_why *why)
{
	const struct hf_tool *tool = making->tool;
	char root[HF_TOOL_PATH_SIZE];
	const struct passwd *user;
	enum hf_err err;

	if (!tool->is_system || geteuid() != 0)
		return HF_OK;
	user = getpwnam("hashfed");
	if (user == NULL)
		return HF_OK;
	if (chown(tool->layout.lib, user->pw_uid, user->pw_gid) != 0)
		return hf_why_errno(why, "give '%s' to hashfed",
				    tool->layout.lib);
	err = give_tree(tool->ring, user, why);
	if (err == HF_OK)
		err = give_tree(tool->tls, user, why);
	if (err == HF_OK) {
		user = getpwnam("hashfed-signer");
		err = give_tree(tool->signer,
				user != NULL ? user : getpwnam("hashfed"), why);
	}
	/* The signer has no use for the root key, locked as it is. */
	if (err == HF_OK) {
		hf_tool_key_path(tool, HF_KEY_ROOT, root);
		if (lchown(root, 0, 0) != 0)
			err = hf_why_errno(why, "keep '%s'", root);
	}
	return err;
}

static enum hf_err make_all(struct making *making, struct hf_why *why)
{
	struct hf_tool *tool = making->tool;
	const char *copy = hf_tool_option(tool, HF_TOOL_RECOVERY_FILE);
	enum hf_err err;

	err = make_issuer(making, why);
	if (err == HF_OK && copy != NULL)
		err = hf_made_note(&making->made, copy, why);
	if (err == HF_OK)
		err = hf_made_dir(&making->made, tool->layout.etc, 0755, why);
	if (err == HF_OK)
		err = hf_made_dir(&making->made, tool->layout.lib, 0750, why);
	if (err == HF_OK && !tool->is_system)
		err = hf_made_dir(&making->made, tool->layout.run, 0750, why);
	if (err == HF_OK)
		err = hf_made_dir(&making->made, tool->signer, 0700, why);
	if (err == HF_OK)
		err = hf_made_dir(&making->made, tool->tls, 0700, why);
	if (err == HF_OK)
		err = put_keys(making, why);
	if (err == HF_OK)
		err = hf_tool_make_node(tool, making->domain, tool->tls,
					&making->made, making->pin, why);
	if (err == HF_OK)
		err = put_ring(making, why);
	if (err == HF_OK)
		err = put_conf(making, why);
	if (err == HF_OK)
		err = give_all(making, why);
	return err;
}

/* --- What is said. ------------------------------------------------------- */

static void say(const struct making *making)
{
	const struct hf_tool *tool = making->tool;
	const struct hf_tool_values *sets = &tool->options[HF_TOOL_SET];
	const char *copy = hf_tool_option(tool, HF_TOOL_RECOVERY_FILE);
	char expires[HF_TOOL_DATE_SIZE], id[HF_TOOL_ID_SIZE];
	const char *set = sets->count > 0 ? sets->at[0] : "NAME";

	hf_tool_date(making->expires_ms, expires);
	hf_tool_id(making->id, id);
	printf("Made the organisation %s.\n\n", making->domain);
	printf("  fingerprint    %s\n", id);
	printf("  root key       %s/root.key (locked with the passphrase; move "
	       "it offline)\n",
	       tool->signer);
	if (copy != NULL)
		printf("  recovery copy  %s (checked; move it offline)\n",
		       copy);
	printf("  online keys    %s/{log,cosigner,agreement,notice,receive,"
	       "clients,storage}.key\n",
	       tool->signer);
	printf("  TLS            %s/node.{key,crt}\n", tool->tls);
	printf("  manifest       %s/self.manifest, version 1, until %s\n",
	       tool->ring, expires);
	for (size_t i = 0; i < sets->count; i++)
		printf("  set            %s/%s/1\n", making->domain,
		       sets->at[i]);
	printf("  configuration  %s/hashfedd.conf\n", tool->layout.etc);
	if (tool->options[HF_TOOL_ENDPOINT].count == 0)
		printf("\nNo --endpoint was given: peers cannot dial this "
		       "node, "
		       "it dials them.\n'hashfed-key manifest sign --endpoint "
		       "HOST:PORT' adds one.\n");
	printf("\nNext:\n");
	if (making->has_signer_user)
		printf("  systemctl enable --now hashfed-signer hashfedd\n");
	else
		printf("  hashfedd &\n");
	if (sets->count == 0)
		printf("  hashfed-key agreement sign %s\n", set);
	printf("  hashfed publish --set %s FILE...\n", set);
	printf("  hashfed-key invite > %s.invite\n", making->domain);
}

static void making_release(struct making *making)
{
	hf_key_free(making->root);
	for (size_t i = 0; i < ROLES; i++)
		hf_key_free(making->keys[i]);
	hf_passphrase_release(&making->passphrase);
	free(making);
}

enum hf_err hf_tool_new(struct hf_tool *tool, struct hf_why *why)
{
	struct making *making = calloc(1, sizeof(*making));
	struct hf_seal_cost cost;
	sigset_t ends, before;
	enum hf_err err;

	if (making == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	making->tool = tool;
	making->domain = tool->args[0];
	making->has_signer_user =
		tool->is_system && getpwnam("hashfed-signer") != NULL;
	err = check_arguments(tool, why);
	if (err == HF_OK)
		err = hf_tool_cost(tool, &cost, why);
	if (err == HF_OK)
		err = check_place(tool, why);
	if (err == HF_OK)
		err = hf_tool_passphrase(tool,
					 "Passphrase for the root key: ", true,
					 &making->passphrase, why);
	if (err == HF_OK)
		err = make_keys(making, why);
	if (err == HF_OK)
		err = hf_tool_recovery_copy(tool, making->root, why);
	if (err != HF_OK) {
		making_release(making);
		return err;
	}

	/* From here on there are files: a signal waits until all of them are
	 * made or none is left. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, &before);
	err = make_all(making, why);
	if (err == HF_OK)
		say(making);
	else
		hf_made_undo(&making->made);
	making_release(making);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return err;
}
