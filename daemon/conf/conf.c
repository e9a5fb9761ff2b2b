#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "file.h"
#include "limit.h"
#include "sha256.h"
#include "text.h"

#include "conf.h"
#include "conf_attesters.h"
#include "conf_policy.h"
#include "conf_regimes.h"
#include "conf_value.h"
#include "conf_witnesses.h"
#include "conf_yaml.h"

#define KIB(n)    ((uint64_t)(n)*1024)
#define MIB(n)    (KIB(n) * 1024)
#define GIB(n)    (MIB(n) * 1024)
#define MS_OF_DAY ((uint64_t)24 * 60 * 60 * 1000)

enum kind {
	KIND_ADDRESS,
	KIND_PATH,
	KIND_SIGNER, /* a path, or the word "spawn" */
	KIND_LEVEL,
	KIND_SIZE,
	KIND_TIME,
	KIND_COUNT,
	KIND_FLAG,
	KIND_PEERS, /* a list of domains */
	KIND_REGIMES,
	KIND_ATTESTERS,
	KIND_WITNESSES,
	KIND_POLICY,
};

static const struct hf_conf_unit sizes[] = {
	{ "B", 1 },        { "KiB", KIB(1) },    { "MiB", MIB(1) },
	{ "GiB", GIB(1) }, { "TiB", GIB(1024) }, { NULL, 0 },
};
static const struct hf_conf_unit times[] = {
	{ "ms", 1 },          { "s", 1000 },      { "min", 60 * 1000 },
	{ "h", 3600 * 1000 }, { "d", MS_OF_DAY }, { NULL, 0 },
};
static const struct hf_conf_unit counts[] = { { "", 1 }, { NULL, 0 } };
static const char *const levels[] = { "error", "warning", "info", "debug",
				      NULL };

#define TO(field) offsetof(struct hf_conf, field)

/* Name, kind, least, most, default, where it goes.  KIND_TIME rows are in
 * milliseconds, KIND_SIZE rows in bytes.  A default that begins with '+' goes
 * behind the layout's directory. */
static const struct option {
	const char *name;
	enum kind kind;
	uint64_t least, most;
	const char *fallback;
	size_t offset;
} options[] = {
	/* clang-format off */
	{ "listen",         KIND_ADDRESS, 0, 0,           "0.0.0.0:7443",  TO(listen) },
	{ "state-dir",      KIND_PATH,    0, 0,           "+lib",          TO(state_dir) },
	{ "run-dir",        KIND_PATH,    0, 0,           "+run",          TO(run_dir) },
	{ "signer",         KIND_SIGNER,  0, 0,           "+signer",       TO(signer) },
	{ "log-level",      KIND_LEVEL,   0, 0,           "info",          TO(log_level) },
	{ "store-max",      KIND_SIZE,    MIB(64), GIB(16384), "256GiB",   TO(store_max_bytes) },
	{ "disk-reserve",   KIND_SIZE,    0, GIB(1024),   "256MiB",        TO(disk_reserve_bytes) },
	{ "peer-timeout",   KIND_TIME,    100, 600000,    "30s",           TO(peer_timeout_ms) },
	{ "sign-again-after", KIND_TIME,  60000, MS_OF_DAY, "10min",       TO(sign_again_after_ms) },
	{ "stale-after",    KIND_TIME,    60000, 365 * MS_OF_DAY, "24h",   TO(stale_after_ms) },
	{ "expired-after",  KIND_TIME,    60000, 365 * MS_OF_DAY, "7d",    TO(expired_after_ms) },
	{ "erase-within",   KIND_TIME,    1000, 30 * MS_OF_DAY, "24h",     TO(erase_within_ms) },
	{ "flood-entries",  KIND_COUNT,   0, 1000000000,  "1000000",       TO(flood_entries) },
	{ "flood-opinions", KIND_COUNT,   0, 1000000000,  "1000",          TO(flood_opinions) },
	{ "breaker-hits",   KIND_COUNT,   0, 1000000000,  "10000",         TO(breaker_hits) },
	{ "calls-per-peer", KIND_COUNT,   1, 4096,        "64",            TO(calls_per_peer_count) },
	{ "min-replicas",   KIND_COUNT,   0, 32,          "0",             TO(min_replicas_count) },
	{ "min-replicas-wait", KIND_TIME, 100, 600000,    "30s",           TO(min_replicas_wait_ms) },
	{ "checkpoint-peers", KIND_PEERS, 0, HF_CONF_CHECKPOINT_PEERS_MAX, NULL, TO(checkpoint_peers) },
	{ "case-relays",    KIND_PEERS,   0, HF_CONF_CASE_RELAYS_MAX, NULL, TO(case_relays) },
	{ "relay-cases",    KIND_FLAG,    0, 0,           "no",            TO(relay_cases) },
	{ "cases-need-role", KIND_FLAG,   0, 0,           "no",            TO(cases_need_role) },
	{ "retro-match",    KIND_TIME,    0, 365 * MS_OF_DAY, "0s",        TO(retro_match_ms) },
	{ "retro-items",    KIND_COUNT,   1000, 100000000, "2000000",      TO(retro_items_count) },
	{ "verdicts-keep",  KIND_TIME,    0, 3660 * MS_OF_DAY, "184d",     TO(verdicts_keep_ms) },
	{ "verdicts-max",   KIND_SIZE,    MIB(16), GIB(1024), "1GiB",      TO(verdicts_max_bytes) },
	{ "regimes",        KIND_REGIMES, 0, 0,           NULL,            0 },
	{ "attesters",      KIND_ATTESTERS, 0, 0,         NULL,            0 },
	{ "witnesses",      KIND_WITNESSES, 0, 0,         NULL,            0 },
	{ "policy",         KIND_POLICY,  0, 0,           NULL,            0 },
	/* clang-format on */
};

#define OPTIONS (sizeof(options) / sizeof(options[0]))

static enum hf_err set_text(char **field, const char *text, struct hf_why *why)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	free(*field);
	*field = copy;
	return HF_OK;
}

static enum hf_err set_path(char **field, const char *text, struct hf_why *why)
{
	if (text[0] != '/')
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.100s' must be an absolute path", text);
	return set_text(field, text, why);
}

static enum hf_err set_flag(struct hf_conf *conf, const struct option *option,
			    const char *text, struct hf_why *why)
{
	static const char *const words[] = { "no", "yes", NULL };
	uint64_t index;
	enum hf_err err = hf_conf_word(text, words, &index, why);

	if (err == HF_OK)
		*(bool *)(void *)((char *)conf + option->offset) = index == 1;
	return err;
}

static enum hf_err set_scalar(const struct option *option, const char *text,
			      struct hf_conf *conf, struct hf_why *why)
{
	char **word = (char **)(void *)((char *)conf + option->offset);
	uint64_t *number = (uint64_t *)(void *)((char *)conf + option->offset);
	enum hf_err err;

	switch (option->kind) {
	case KIND_ADDRESS:
		err = hf_conf_address(text, why);
		return err == HF_OK ? set_text(word, text, why) : err;
	case KIND_SIGNER:
		if (strcmp(text, "spawn") == 0)
			return set_text(word, text, why);
		return set_path(word, text, why);
	case KIND_PATH:
		return set_path(word, text, why);
	case KIND_LEVEL:
		return hf_conf_word(text, levels, number, why);
	case KIND_SIZE:
		return hf_conf_number(text, sizes, option->least, option->most,
				      number, why);
	case KIND_TIME:
		return hf_conf_number(text, times, option->least, option->most,
				      number, why);
	case KIND_COUNT:
		return hf_conf_number(text, counts, option->least, option->most,
				      number, why);
	case KIND_FLAG:
		return set_flag(conf, option, text, why);
	case KIND_PEERS:
	case KIND_REGIMES:
	case KIND_ATTESTERS:
	case KIND_WITNESSES:
	case KIND_POLICY:
		break;
	}
	return hf_why(why, HF_E_ARGUMENT, "must be a list");
}

static enum hf_err set_defaults(const struct hf_layout *layout,
				struct hf_conf *conf, struct hf_why *why)
{
	char path[2 * HF_LAYOUT_PATH_SIZE];

	for (size_t i = 0; i < OPTIONS; i++) {
		const char *text = options[i].fallback;
		enum hf_err err;

		if (text == NULL)
			continue;
		if (strcmp(text, "+lib") == 0)
			text = layout->lib;
		else if (strcmp(text, "+run") == 0)
			text = layout->run;
		else if (strcmp(text, "+signer") == 0) {
			snprintf(path, sizeof(path), "%s/signer.sock",
				 layout->run);
			text = path;
		}
		err = set_scalar(&options[i], text, conf, why);
		if (err != HF_OK) {
			hf_why_prefix(why, "%s: ", options[i].name);
			return err;
		}
	}
	return HF_OK;
}

static const struct option *find(const char *name)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	}
	return NULL;
}

static enum hf_err unknown(const char *name, struct hf_why *why)
{
	const char *names[OPTIONS + 1] = { NULL };
	const char *nearest;

	for (size_t i = 0; i < OPTIONS; i++)
		names[i] = options[i].name;
	nearest = hf_conf_nearest(name, names);
	if (nearest != NULL)
		return hf_why(why, HF_E_ARGUMENT,
			      "no option '%.60s'; did you mean '%s'?", name,
			      nearest);
	return hf_why(why, HF_E_ARGUMENT,
		      "no option '%.60s'; hashfedd.conf(5) lists them", name);
}

static enum hf_err add_peer(struct hf_conf_names *names, uint64_t most,
			    const char *domain, struct hf_why *why)
{
	char **at;

	if (!hf_text_is_domain(hf_span_of(domain)))
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.100s' must be a peer's domain", domain);
	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->at[i], domain) == 0)
			return hf_why(why, HF_E_ARGUMENT,
				      "'%.100s' is there twice", domain);
	}
	if (names->count == most)
		return hf_why(why, HF_E_ARGUMENT, "more than %llu peers",
			      (unsigned long long)most);
	at = realloc(names->at, (names->count + 1) * sizeof(*at));
	if (at == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	names->at = at;
	at[names->count] = NULL;
	if (set_text(&at[names->count], domain, why) != HF_OK)
		return HF_E_NOMEM;
	names->count++;
	return HF_OK;
}

static enum hf_err read_peers(const struct hf_conf_yaml *file,
			      const struct option *option,
			      const struct hf_conf_node *list,
			      struct hf_conf *conf, struct hf_why *why)
{
	struct hf_conf_names *names = (void *)((char *)conf + option->offset);
	const struct hf_conf_node *at = list;
	enum hf_err err = HF_OK;

	if (hf_conf_node_kind(list) != HF_CONF_LIST)
		err = hf_why(why, HF_E_ARGUMENT, "must be a list of domains");
	for (size_t i = 0; err == HF_OK && i < hf_conf_node_count(list); i++) {
		at = hf_conf_node_at(file, list, i);
		if (hf_conf_node_kind(at) != HF_CONF_SCALAR)
			err = hf_why(why, HF_E_ARGUMENT,
				     "must be a list of domains");
		else
			err = add_peer(names, option->most,
				       hf_conf_node_text(at), why);
	}
	if (err == HF_OK)
		return HF_OK;
	hf_why_prefix(why, "%s: ", option->name);
	return hf_conf_at(file, at, err, why);
}

static void free_names(struct hf_conf_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->at[i]);
	free(names->at);
}

static enum hf_err read_option(const struct hf_conf_yaml *file,
			       const struct hf_conf_node *key,
			       const struct hf_conf_node *value,
			       struct hf_conf *conf, struct hf_why *why)
{
	const struct option *option = find(hf_conf_node_text(key));
	enum hf_err err;

	if (option == NULL)
		return hf_conf_at(file, key,
				  unknown(hf_conf_node_text(key), why), why);
	if (option->kind == KIND_PEERS)
		return read_peers(file, option, value, conf, why);
	if (option->kind == KIND_REGIMES)
		return hf_conf_regimes(file, value, conf, why);
	if (option->kind == KIND_ATTESTERS)
		return hf_conf_attesters(file, value, conf, why);
	if (option->kind == KIND_WITNESSES)
		return hf_conf_witnesses(file, value, conf, why);
	if (option->kind == KIND_POLICY)
		return hf_conf_policy(file, value, conf, why);
	if (hf_conf_node_kind(value) != HF_CONF_SCALAR)
		err = hf_why(why, HF_E_ARGUMENT, "must be one value");
	else
		err = set_scalar(option, hf_conf_node_text(value), conf, why);
	if (err == HF_OK)
		return HF_OK;
	hf_why_prefix(why, "%s: ", option->name);
	return hf_conf_at(file, value, err, why);
}

static enum hf_err read_options(const struct hf_conf_yaml *file,
				struct hf_conf *conf, struct hf_why *why)
{
	const struct hf_conf_node *root = hf_conf_yaml_root(file);

	if (root == NULL)
		return HF_OK;
	if (hf_conf_node_kind(root) != HF_CONF_MAPPING) {
		hf_why(why, HF_E_ARGUMENT, "must be lines of 'option: value'");
		return hf_conf_at(file, root, HF_E_ARGUMENT, why);
	}
	for (size_t i = 0; i < hf_conf_node_count(root); i++) {
		const struct hf_conf_node *key =
			hf_conf_node_key(file, root, i);
		enum hf_err err;

		for (size_t j = 0; j < i; j++) {
			const struct hf_conf_node *other =
				hf_conf_node_key(file, root, j);

			if (strcmp(hf_conf_node_text(key),
				   hf_conf_node_text(other)) != 0)
				continue;
			hf_why(why, HF_E_ARGUMENT,
			       "%.60s: set twice; keep one of the two",
			       hf_conf_node_text(key));
			return hf_conf_at(file, key, HF_E_ARGUMENT, why);
		}
		err = read_option(file, key, hf_conf_node_at(file, root, i),
				  conf, why);
		if (err != HF_OK)
			return err;
	}
	return HF_OK;
}

enum hf_err hf_conf_parse(struct hf_span text, const char *name,
			  const struct hf_layout *layout,
			  struct hf_conf **out_conf, struct hf_why *why)
{
	struct hf_conf *conf = calloc(1, sizeof(*conf));
	struct hf_conf_yaml *file = NULL;
	enum hf_err err;

	if (conf == NULL)
		return hf_why(why, HF_E_NOMEM, "%s: no memory", name);
	hf_sha256(text.at, text.len_bytes, conf->digest);
	err = set_text(&conf->path, name, why);
	if (err == HF_OK)
		err = set_defaults(layout, conf, why);
	if (err == HF_OK)
		err = hf_conf_yaml_open(text, name, &file, why);
	if (err == HF_OK)
		err = read_options(file, conf, why);
	if (err == HF_OK && conf->expired_after_ms <= conf->stale_after_ms)
		err = hf_why(why, HF_E_ARGUMENT,
			     "%s: expired-after must be longer than "
			     "stale-after",
			     name);
	hf_conf_yaml_close(file);
	if (err != HF_OK) {
		hf_conf_free(conf);
		return err;
	}
	*out_conf = conf;
	return HF_OK;
}

enum hf_err hf_conf_read(const char *path, const struct hf_layout *layout,
			 struct hf_conf **out_conf, struct hf_why *why)
{
	char usual[2 * HF_LAYOUT_PATH_SIZE];
	struct hf_buf text;
	enum hf_err err;

	if (path == NULL) {
		snprintf(usual, sizeof(usual), "%s/hashfedd.conf", layout->etc);
		path = usual;
	}
	hf_buf_init(&text, HF_CONF_MAX_BYTES);
	err = hf_file_read(path, &text, why);
	if (err == HF_E_NOTFOUND)
		hf_why(why, err,
		       "%s: no such file; make an organisation first: "
		       "hashfed-key new DOMAIN --country CC",
		       path);
	if (err == HF_OK)
		err = hf_conf_parse(hf_buf_span(&text), path, layout, out_conf,
				    why);
	hf_buf_release(&text);
	return err;
}

void hf_conf_free(struct hf_conf *conf)
{
	if (conf == NULL)
		return;
	free(conf->path);
	free(conf->listen);
	free(conf->state_dir);
	free(conf->run_dir);
	free(conf->signer);
	free_names(&conf->checkpoint_peers);
	free_names(&conf->case_relays);
	hf_conf_regimes_free(conf);
	hf_conf_attesters_free(conf);
	hf_conf_witnesses_free(conf);
	hf_conf_policy_free(conf);
	free(conf);
}
