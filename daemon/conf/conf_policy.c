#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind.h"

#include "conf_policy.h"
#include "conf_row.h"
#include "conf_value.h"

static const struct hf_conf_unit plain[] = { { "", 1 }, { NULL, 0 } };
static const char *const switches[] = { "no", "yes", NULL };

/* In the order of HF_POLICY_OFF and enum hf_verdict. */
static const char *const verdicts[] = { "off", "ignore", "review", "block",
					NULL };

static enum hf_err set_set(const char *text, void *to, struct hf_why *why)
{
	struct hf_policy_row *row = to;
	if (strlen(text) >= sizeof(row->set))
		return hf_why(why, HF_E_ARGUMENT, "longer than %zu characters",
			      sizeof(row->set) - 1);
	strcpy(row->set, text);
	return HF_OK;
}

static enum hf_err add_class(const char *text, void *to, struct hf_why *why)
{
	struct hf_policy_row *row = to;
	unsigned content_class = hf_class_parse(hf_span_of(text));

	if (content_class == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.60s' is not a class: csam, csam-suspected, "
			      "ncii, terrorist or other",
			      text);
	row->classes |= (uint16_t)(1u << content_class);
	return HF_OK;
}

static enum hf_err add_algorithm(const char *text, void *to, struct hf_why *why)
{
	struct hf_policy_row *row = to;
	unsigned algorithm = hf_algorithm_parse(hf_span_of(text));

	if (algorithm == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.60s' is not an algorithm: md5, sha1, "
			      "sha256, pdq, photodna or vpdq",
			      text);
	row->algorithms |= (uint16_t)(1u << algorithm);
	return HF_OK;
}

static enum hf_err set_verdict(const char *text, uint8_t *field,
			       struct hf_why *why)
{
	uint64_t index;
	enum hf_err err = hf_conf_word(text, verdicts, &index, why);

	if (err == HF_OK)
		*field = (uint8_t)index;
	return err;
}

static enum hf_err set_exact(const char *text, void *to, struct hf_why *why)
{
	struct hf_policy_row *row = to;
	return set_verdict(text, &row->exact, why);
}

static enum hf_err set_near_verdict(const char *text, void *to,
				    struct hf_why *why)
{
	struct hf_policy_row *row = to;
	return set_verdict(text, &row->near, why);
}

static enum hf_err set_near(const char *text, void *to, struct hf_why *why)
{
	struct hf_policy_row *row = to;
	uint64_t distance;
	enum hf_err err;

	if (strcmp(text, "off") == 0) {
		row->near = HF_POLICY_OFF;
		return HF_OK;
	}
	err = hf_conf_number(text, plain, 0, HF_PDQ_DISTANCE_MAX, &distance,
			     why);
	if (err != HF_OK) {
		hf_why_prefix(why, "neither off nor a distance: ");
		return err;
	}
	row->near_distance = (uint16_t)distance;
	return HF_OK;
}

static enum hf_err set_percent(const char *text, uint8_t *field,
			       struct hf_why *why)
{
	uint64_t number;
	enum hf_err err = hf_conf_number(text, plain, 0, 100, &number, why);

	if (err == HF_OK)
		*field = (uint8_t)number;
	return err;
}

static enum hf_err set_quality(const char *text, void *to, struct hf_why *why)
{
	struct hf_policy_row *row = to;
	return set_percent(text, &row->quality_min, why);
}

static enum hf_err set_looked_up(const char *text, void *to, struct hf_why *why)
{
	struct hf_policy_row *row = to;
	return set_percent(text, &row->looked_up_min, why);
}

static enum hf_err set_listed(const char *text, void *to, struct hf_why *why)
{
	struct hf_policy_row *row = to;
	return set_percent(text, &row->listed_min, why);
}

static enum hf_err set_switch(const char *text, bool *field, struct hf_why *why)
{
	uint64_t index;
	enum hf_err err = hf_conf_word(text, switches, &index, why);

	if (err == HF_OK)
		*field = index == 1;
	return err;
}

static enum hf_err set_benign(const char *text, void *to, struct hf_why *why)
{
	struct hf_policy_row *row = to;
	return set_switch(text, &row->is_benign, why);
}

static enum hf_err set_organisations(const char *text, void *to,
				     struct hf_why *why)
{
	struct hf_policy_row *row = to;
	uint64_t number;
	enum hf_err err = hf_conf_number(
		text, plain, 1, HF_POLICY_ORGANISATIONS_MAX, &number, why);

	if (err == HF_OK)
		row->organisations_min = (uint8_t)number;
	return err;
}

static enum hf_err set_only(const char *text, void *to, struct hf_why *why)
{
	struct hf_policy_row *row = to;
	return set_switch(text, &row->is_only, why);
}

/* What a row can say.  `near: off` and `near-verdict` set one field, so
 * near-verdict stands above near: the later row wins when both are written. */
static const struct hf_conf_field fields[] = {
	{ "set", false, set_set },
	{ "class", true, add_class },
	{ "algorithms", true, add_algorithm },
	{ "exact", false, set_exact },
	{ "near-verdict", false, set_near_verdict },
	{ "near", false, set_near },
	{ "quality", false, set_quality },
	{ "video-looked-up", false, set_looked_up },
	{ "video-listed", false, set_listed },
	{ "organisations", false, set_organisations },
	{ "benign", false, set_benign },
	{ "only", false, set_only },
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static enum hf_err unknown(const struct hf_conf_yaml *file,
			   const struct hf_conf_node *key, struct hf_why *why)
{
	const char *names[FIELDS + 1] = { NULL };
	const char *nearest;

	for (size_t i = 0; i < FIELDS; i++)
		names[i] = fields[i].name;
	nearest = hf_conf_nearest(hf_conf_node_text(key), names);
	hf_why(why, HF_E_ARGUMENT, "policy: a row has no '%.60s'; %s%s%s",
	       hf_conf_node_text(key),
	       nearest != NULL ? "did you mean '"
			       : "hashfedd.conf(5) lists what it has",
	       nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
	return hf_conf_at(file, key, HF_E_ARGUMENT, why);
}

static enum hf_err read_row(const struct hf_conf_yaml *file,
			    const struct hf_conf_node *node, size_t number,
			    struct hf_policy_row *row, struct hf_why *why)
{
	if (hf_conf_node_kind(node) != HF_CONF_MAPPING) {
		hf_why(why, HF_E_ARGUMENT,
		       "policy: a row is written '- set: …'");
		return hf_conf_at(file, node, HF_E_ARGUMENT, why);
	}
	hf_policy_row_default(row);
	for (size_t i = 0; i < FIELDS; i++) {
		for (size_t j = 0; j < hf_conf_node_count(node); j++) {
			const struct hf_conf_node *key =
				hf_conf_node_key(file, node, j);
			enum hf_err err;

			if (strcmp(hf_conf_node_text(key), fields[i].name) != 0)
				continue;
			err = hf_conf_field_set(file, "policy", &fields[i],
						hf_conf_node_at(file, node, j),
						row, why);
			if (err != HF_OK)
				return err;
		}
	}
	for (size_t j = 0; j < hf_conf_node_count(node); j++) {
		const struct hf_conf_node *key =
			hf_conf_node_key(file, node, j);

		if (hf_conf_field_find(fields, FIELDS,
				       hf_conf_node_text(key)) == NULL)
			return unknown(file, key, why);
	}
	if (hf_policy_check(row, number, why) != HF_OK) {
		hf_why_prefix(why, "policy: ");
		return hf_conf_at(file, node, HF_E_ARGUMENT, why);
	}
	return HF_OK;
}

enum hf_err hf_conf_policy(const struct hf_conf_yaml *file,
			   const struct hf_conf_node *list,
			   struct hf_conf *conf, struct hf_why *why)
{
	size_t count = hf_conf_node_count(list);
	enum hf_err err = hf_conf_rows_check(file, "policy", list,
					     HF_POLICY_ROWS_MAX, why);

	if (err != HF_OK)
		return err;
	if (count == 0)
		return HF_OK;
	conf->policy_rows = calloc(count, sizeof(*conf->policy_rows));
	if (conf->policy_rows == NULL)
		return hf_why(why, HF_E_NOMEM, "%s: no memory", conf->path);
	for (size_t i = 0; i < count; i++) {
		err = read_row(file, hf_conf_node_at(file, list, i), i + 1,
			       &conf->policy_rows[i], why);
		if (err != HF_OK)
			return err;
		conf->policy_rows_count++;
	}
	return HF_OK;
}

void hf_conf_policy_free(struct hf_conf *conf)
{
	free(conf->policy_rows);
	conf->policy_rows = NULL;
	conf->policy_rows_count = 0;
}
