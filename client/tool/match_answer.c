#include <stdlib.h>

#include "kind.h"

#include "lookup_batch.h"
#include "match_answer.h"
#include "show_json.h"

bool hf_match_has_bad_image(const struct hf_media_result *result)
{
	return result->pdq_err != HF_OK && result->pdq_err != HF_E_UNSUPPORTED;
}

/* What every answer begins with: whose it is. */
static json_t *begin(const struct hf_match_line *line)
{
	json_t *object = json_object();

	if (line->id != NULL)
		json_object_set(object, "id", line->id);
	if (line->path != NULL)
		hf_json_set_path(object, line->path);
	return object;
}

/* Takes the object. */
static char *end(json_t *object)
{
	char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	return text;
}

char *hf_match_answer_hits(const struct hf_match_line *line,
			   const struct hf_media_result *result,
			   const struct hf_wire_match_hit *hits, size_t count)
{
	unsigned verdict = hf_lookup_verdict(hits, count);
	json_t *object = begin(line);

	json_object_set_new(object, "verdict",
			    verdict != 0 ? json_string(hf_verdict_word(verdict))
					 : json_null());
	json_object_set_new(object, "matches", hf_lookup_json(hits, count));
	if (result != NULL && hf_match_has_bad_image(result))
		json_object_set_new(object, "warning",
				    hf_json_text(result->why.text));
	return end(object);
}

char *hf_match_answer_none(const struct hf_match_line *line,
			   const char *verdict, const char *sentence)
{
	json_t *object = begin(line);

	json_object_set_new(object, "verdict", json_string(verdict));
	if (sentence != NULL)
		json_object_set_new(object, "error", hf_json_text(sentence));
	return end(object);
}
