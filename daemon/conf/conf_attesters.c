#include <stdlib.h>
#include <string.h>

#include "codec_words.h"
#include "text.h"

#include "conf_attesters.h"
#include "conf_row.h"

static enum hf_err set_by(const char *text, void *to, struct hf_why *why)
{
	struct hf_conf_attester *row = to;
	if (!hf_text_is_domain(hf_span_of(text)))
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.100s' must be a peer's domain", text);
	strcpy(row->by, text);
	return HF_OK;
}

static enum hf_err add_role(const char *text, void *to, struct hf_why *why)
{
	struct hf_conf_attester *row = to;
	unsigned role = hf_role_parse(hf_span_of(text));

	if (role == 0)
		return hf_why(why, HF_E_ARGUMENT, "'%.60s' is not a role: %s",
			      text, hf_role_words());
	row->roles |= (uint16_t)(1u << role);
	return HF_OK;
}

static const struct hf_conf_field fields[] = {
	{ "by", false, set_by },
	{ "roles", true, add_role },
};

static const struct hf_conf_row_kind kind = {
	"attesters",
	fields,
	sizeof(fields) / sizeof(fields[0]),
	"by and roles",
};

static enum hf_err read_row(const struct hf_conf_yaml *file,
			    const struct hf_conf_node *node,
			    struct hf_conf_attester *row, struct hf_why *why)
{
	enum hf_err err = hf_conf_row_set(file, &kind, node, row, why);

	if (err != HF_OK)
		return err;
	if (row->by[0] == '\0' || row->roles == 0) {
		hf_why(why, HF_E_ARGUMENT,
		       "attesters: a row is written '- { by: DOMAIN, roles: "
		       "[ROLE] }'");
		return hf_conf_at(file, node, HF_E_ARGUMENT, why);
	}
	return HF_OK;
}

enum hf_err hf_conf_attesters(const struct hf_conf_yaml *file,
			      const struct hf_conf_node *list,
			      struct hf_conf *conf, struct hf_why *why)
{
	size_t count = hf_conf_node_count(list);
	enum hf_err err = hf_conf_rows_check(file, "attesters", list,
					     HF_CONF_ATTESTERS_MAX, why);

	if (err != HF_OK)
		return err;
	if (count == 0)
		return HF_OK;
	conf->attesters = calloc(count, sizeof(*conf->attesters));
	if (conf->attesters == NULL)
		return hf_why(why, HF_E_NOMEM, "%s: no memory", conf->path);
	for (size_t i = 0; i < count; i++) {
		err = read_row(file, hf_conf_node_at(file, list, i),
			       &conf->attesters[i], why);
		if (err != HF_OK)
			return err;
		conf->attesters_count++;
	}
	return HF_OK;
}

void hf_conf_attesters_free(struct hf_conf *conf)
{
	free(conf->attesters);
	conf->attesters = NULL;
	conf->attesters_count = 0;
}
