#include <stdlib.h>
#include <string.h>

#include "text.h"

#include "conf_row.h"
#include "conf_value.h"
#include "conf_witnesses.h"

static const struct hf_conf_unit plain[] = { { "", 1 }, { NULL, 0 } };

static enum hf_err set_set(const char *text, void *to, struct hf_why *why)
{
	struct hf_conf_witnessed *row = to;

	if (!hf_text_is_origin(hf_span_of(text)))
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.100s' is not an origin, such as "
			      "hotline.example/ncii/1",
			      text);
	strcpy(row->set, text);
	return HF_OK;
}

static enum hf_err add_key(const char *text, void *to, struct hf_why *why)
{
	struct hf_conf_witnessed *row = to;
	struct hf_note_witnesses *rule = &row->rule;
	struct hf_note_key key, *keys;

	if (hf_note_key_parse(hf_span_of(text), &key, NULL) != HF_OK ||
	    key.kind != HF_NOTE_COSIGNER)
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.100s' is not the key of a cosigner, as "
			      "'hashfed status' of the witness prints it",
			      text);
	for (size_t i = 0; i < rule->keys_count; i++) {
		if (memcmp(&rule->keys[i].key, &key.key, sizeof(key.key)) == 0)
			return hf_why(why, HF_E_ARGUMENT,
				      "the key of %.100s is there twice",
				      key.name);
	}
	if (rule->keys_count == HF_NOTE_WITNESSES_MAX)
		return hf_why(why, HF_E_ARGUMENT, "more than %d witnesses",
			      HF_NOTE_WITNESSES_MAX);
	keys = realloc(rule->keys, (rule->keys_count + 1) * sizeof(*keys));
	if (keys == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	keys[rule->keys_count++] = key;
	rule->keys = keys;
	return HF_OK;
}

static enum hf_err set_need(const char *text, void *to, struct hf_why *why)
{
	struct hf_conf_witnessed *row = to;
	uint64_t need;
	enum hf_err err = hf_conf_number(text, plain, 0, HF_NOTE_WITNESSES_MAX,
					 &need, why);

	if (err == HF_OK)
		row->rule.need = (unsigned)need;
	return err;
}

static const struct hf_conf_field fields[] = {
	{ "set", false, set_set },
	{ "from", true, add_key },
	{ "need", false, set_need },
};

static const struct hf_conf_row_kind kind = {
	"witnesses",
	fields,
	sizeof(fields) / sizeof(fields[0]),
	"set, from and need",
};

static enum hf_err check_row(const struct hf_conf_witnessed *row,
			     struct hf_why *why)
{
	if (row->set[0] == '\0' || row->rule.keys_count == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "witnesses: a row is written '- { set: ORIGIN, "
			      "from: [KEY], need: N }'");
	if (row->rule.need > hf_note_witnesses_count(&row->rule))
		return hf_why(why, HF_E_ARGUMENT,
			      "witnesses: %u are needed, %zu are named",
			      row->rule.need,
			      hf_note_witnesses_count(&row->rule));
	return HF_OK;
}

static enum hf_err read_row(const struct hf_conf_yaml *file,
			    const struct hf_conf_node *node,
			    struct hf_conf_witnessed *row, struct hf_why *why)
{
	enum hf_err err = hf_conf_row_set(file, &kind, node, row, why);

	if (err != HF_OK)
		return err;
	return check_row(row, why) == HF_OK
		       ? HF_OK
		       : hf_conf_at(file, node, HF_E_ARGUMENT, why);
}

enum hf_err hf_conf_witnesses(const struct hf_conf_yaml *file,
			      const struct hf_conf_node *list,
			      struct hf_conf *conf, struct hf_why *why)
{
	size_t count = hf_conf_node_count(list);
	enum hf_err err = hf_conf_rows_check(file, "witnesses", list,
					     HF_CONF_WITNESSED_MAX, why);

	if (err != HF_OK)
		return err;
	if (count == 0)
		return HF_OK;
	conf->witnessed = calloc(count, sizeof(*conf->witnessed));
	if (conf->witnessed == NULL)
		return hf_why(why, HF_E_NOMEM, "%s: no memory", conf->path);
	for (size_t i = 0; i < count; i++) {
		/* Counted first: what it holds is freed with the others. */
		conf->witnessed_count++;
		err = read_row(file, hf_conf_node_at(file, list, i),
			       &conf->witnessed[i], why);
		if (err != HF_OK)
			return err;
	}
	return HF_OK;
}

const struct hf_note_witnesses *hf_conf_witnesses_of(const struct hf_conf *conf,
						     const char *origin)
{
	const struct hf_conf_witnessed *found = NULL;

	for (size_t i = 0; i < conf->witnessed_count; i++) {
		const struct hf_conf_witnessed *row = &conf->witnessed[i];

		if (strcmp(row->set, origin) == 0)
			return &row->rule;
		if (hf_text_is_later_epoch(hf_span_of(origin),
					   hf_span_of(row->set)) &&
		    (found == NULL ||
		     hf_text_is_later_epoch(hf_span_of(row->set),
					    hf_span_of(found->set))))
			found = row;
	}
	return found != NULL ? &found->rule : NULL;
}

void hf_conf_witnesses_free(struct hf_conf *conf)
{
	for (size_t i = 0; i < conf->witnessed_count; i++)
		free(conf->witnessed[i].rule.keys);
	free(conf->witnessed);
	conf->witnessed = NULL;
	conf->witnessed_count = 0;
}
