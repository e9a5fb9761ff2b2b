#include "fill_source.h"

uint64_t hf_fill_wait_us(unsigned vain)
{
	uint64_t wait_us = HF_FILL_WAIT_LEAST_US;

	while (vain-- > 0 && wait_us < HF_FILL_WAIT_MOST_US)
		wait_us *= 2;
	return wait_us < HF_FILL_WAIT_MOST_US ? wait_us : HF_FILL_WAIT_MOST_US;
}

uint64_t hf_fill_begin(const struct hf_fill_source *source, uint64_t now_us,
		       bool *out_is_due)
{
	*out_is_due = now_us >= source->due_us;
	return *out_is_due ? source->from : source->asked_to;
}

static void wait_longer(struct hf_fill_source *source, uint64_t now_us)
{
	source->due_us = now_us + hf_fill_wait_us(source->vain);
	source->vain += hf_fill_wait_us(source->vain) < HF_FILL_WAIT_MOST_US;
	source->has_brought = false;
}

void hf_fill_end(struct hf_fill_source *source,
		 const struct hf_fill_result *result, uint64_t now_us)
{
	if (result->end > source->asked_to)
		source->asked_to = result->end;
	source->has_brought |= result->was_due && result->brought > 0;
	if (result->has_failed) {
		/* Not at the same place again: behind a lie there may be what
		 * is true. */
		if (result->was_due)
			source->from = result->reached;
		wait_longer(source, now_us);
		return;
	}
	if (!result->was_due)
		return;
	if (!result->is_round) {
		source->from = result->reached;
		source->due_us = result->brought > 0
					 ? now_us
					 : now_us + HF_FILL_WAIT_LEAST_US;
		return;
	}
	source->from = 0;
	if (source->has_brought)
		source->vain = 0;
	wait_longer(source, now_us);
}

void hf_fill_withheld(struct hf_fill_source *source, uint64_t end,
		      uint64_t now_us)
{
	if (end > source->asked_to)
		source->asked_to = end;
	if (source->due_us == 0)
		wait_longer(source, now_us);
}
