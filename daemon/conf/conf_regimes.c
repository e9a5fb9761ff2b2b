#include <stdlib.h>
#include <string.h>

#include "codec_words.h"
#include "text.h"

#include "conf_regimes.h"
#include "conf_row.h"
#include "conf_value.h"

#define REGIMES_MAX 16
#define MS_OF_YEAR  ((uint64_t)366 * 24 * 3600 * 1000)

static const struct hf_conf_unit units[] = {
	{ "ms", 1 },          { "s", 1000 },     { "min", 60 * 1000 },
	{ "h", 3600 * 1000 }, { "d", 86400000 }, { NULL, 0 },
};

static enum hf_err take_time(const char *text, uint64_t *out,
			     struct hf_why *why)
{
	if (strcmp(text, "off") == 0) {
		*out = 0;
		return HF_OK;
	}
	return hf_conf_number(text, units, 1, MS_OF_YEAR, out, why);
}

#define TIME_FIELD(name)                                                       \
	static enum hf_err set_##name(const char *text, void *to,              \
				      struct hf_why *why)                      \
	{                                                                      \
		struct hf_conf_regime *row = to;                               \
                                                                               \
		return take_time(text, &row->rules.name##_ms, why);            \
	}
TIME_FIELD(deadline)
TIME_FIELD(priority_deadline)
TIME_FIELD(deliver)
TIME_FIELD(renotify)
TIME_FIELD(escalate)

static enum hf_err set_regime(const char *text, void *to, struct hf_why *why)
{
	struct hf_conf_regime *row = to;
	unsigned regime = hf_regime_parse(hf_span_of(text));

	if (regime == 0)
		return hf_why(why, HF_E_ARGUMENT, "'%.60s' is not a regime: %s",
			      text, hf_regime_words());
	row->regime = (enum hf_regime)regime;
	return HF_OK;
}

static enum hf_err add_warning(const char *text, void *to, struct hf_why *why)
{
	struct hf_conf_regime *row = to;
	struct hf_case_rules *rules = &row->rules;

	if (rules->warn_count == HF_CASE_WARNINGS_MAX)
		return hf_why(why, HF_E_ARGUMENT, "more than %d warnings",
			      HF_CASE_WARNINGS_MAX);
	if (strcmp(text, "off") == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "'off' is no warning: write 'warn: []' for none");
	return take_time(text, &rules->warn_ms[rules->warn_count++], why);
}

static enum hf_err add_pause(const char *text, void *to, struct hf_why *why)
{
	struct hf_conf_regime *row = to;
	if (strcmp(text, "needs-info") == 0)
		row->rules.pauses_needs_info = true;
	else if (strcmp(text, "impossible") == 0)
		row->rules.pauses_impossible = true;
	else
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.60s' pauses no clock: give needs-info, "
			      "impossible, or [] for none",
			      text);
	return HF_OK;
}

static enum hf_err set_escalate_to(const char *text, void *to,
				   struct hf_why *why)
{
	struct hf_conf_regime *row = to;
	if (!hf_text_is_domain(hf_span_of(text)))
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.100s' must be a peer's domain", text);
	free(row->escalate_to);
	row->escalate_to = strdup(text);
	return row->escalate_to != NULL ? HF_OK
					: hf_why(why, HF_E_NOMEM, "no memory");
}

static const struct hf_conf_field fields[] = {
	{ "regime", false, set_regime },
	{ "deadline", false, set_deadline },
	{ "priority-deadline", false, set_priority_deadline },
	{ "warn", true, add_warning },
	{ "deliver", false, set_deliver },
	{ "renotify", false, set_renotify },
	{ "escalate", false, set_escalate },
	{ "escalate-to", false, set_escalate_to },
	{ "pause", true, add_pause },
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static enum hf_err set_field(const struct hf_conf_yaml *file,
			     const struct hf_conf_field *field,
			     const struct hf_conf_node *value,
			     struct hf_conf_regime *row, struct hf_why *why)
{
	/* A list replaces the one of the defaults. */
	if (field->set == add_warning)
		row->rules.warn_count = 0;
	if (field->set == add_pause) {
		row->rules.pauses_needs_info = false;
		row->rules.pauses_impossible = false;
	}
	return hf_conf_field_set(file, "regimes", field, value, row, why);
}

static const struct hf_conf_field *find(const char *name)
{
	return hf_conf_field_find(fields, FIELDS, name);
}

/* Its own name first: what the row does not say is the regime's default. */
static enum hf_err begin_row(const struct hf_conf_yaml *file,
			     const struct hf_conf_node *node,
			     struct hf_conf_regime *row, struct hf_why *why)
{
	bool is_mapping = hf_conf_node_kind(node) == HF_CONF_MAPPING;
	size_t count = is_mapping ? hf_conf_node_count(node) : 0;

	for (size_t i = 0; i < count; i++) {
		const struct hf_conf_node *key =
			hf_conf_node_key(file, node, i);

		if (find(hf_conf_node_text(key)) == NULL) {
			hf_why(why, HF_E_ARGUMENT,
			       "regimes: a row has no '%.60s'; "
			       "hashfedd.conf(5) lists what it has",
			       hf_conf_node_text(key));
			return hf_conf_at(file, key, HF_E_ARGUMENT, why);
		}
		if (strcmp(hf_conf_node_text(key), "regime") == 0) {
			enum hf_err err = set_field(
				file, &fields[0],
				hf_conf_node_at(file, node, i), row, why);

			if (err != HF_OK)
				return err;
		}
	}
	if (row->regime == 0) {
		hf_why(why, HF_E_ARGUMENT,
		       "regimes: a row is written '- { regime: ntd, deadline: "
		       "24h }'");
		return hf_conf_at(file, node, HF_E_ARGUMENT, why);
	}
	row->rules = *hf_case_rules_default(row->regime);
	return HF_OK;
}

static enum hf_err read_row(const struct hf_conf_yaml *file,
			    const struct hf_conf_node *node,
			    struct hf_conf *conf, struct hf_why *why)
{
	struct hf_conf_regime *row = &conf->regimes[conf->regimes_count++];
	enum hf_err err = begin_row(file, node, row, why);

	for (size_t i = 0; err == HF_OK && i < hf_conf_node_count(node); i++)
		err = set_field(file,
				find(hf_conf_node_text(
					hf_conf_node_key(file, node, i))),
				hf_conf_node_at(file, node, i), row, why);
	for (size_t i = 0; err == HF_OK && i + 1 < conf->regimes_count; i++) {
		if (conf->regimes[i].regime != row->regime)
			continue;
		hf_why(why, HF_E_ARGUMENT, "regimes: %s is there twice",
		       hf_regime_word(row->regime));
		return hf_conf_at(file, node, HF_E_ARGUMENT, why);
	}
	return err;
}

enum hf_err hf_conf_regimes(const struct hf_conf_yaml *file,
			    const struct hf_conf_node *list,
			    struct hf_conf *conf, struct hf_why *why)
{
	size_t count = hf_conf_node_count(list);
	enum hf_err err =
		hf_conf_rows_check(file, "regimes", list, REGIMES_MAX, why);

	if (err != HF_OK)
		return err;
	if (count == 0)
		return HF_OK;
	conf->regimes = calloc(count, sizeof(*conf->regimes));
	if (conf->regimes == NULL)
		return hf_why(why, HF_E_NOMEM, "%s: no memory", conf->path);
	for (size_t i = 0; i < count && err == HF_OK; i++)
		err = read_row(file, hf_conf_node_at(file, list, i), conf, why);
	return err;
}

void hf_conf_regimes_free(struct hf_conf *conf)
{
	for (size_t i = 0; i < conf->regimes_count; i++)
		free(conf->regimes[i].escalate_to);
	free(conf->regimes);
	conf->regimes = NULL;
	conf->regimes_count = 0;
}
