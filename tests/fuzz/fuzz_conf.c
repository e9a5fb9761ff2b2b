#include <stddef.h>
#include <stdint.h>

#include "conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any bytes as a configuration: refused with a sentence, or a whole conf. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hf_layout layout = { "/e", "/l", "/r" };
	struct hf_conf *conf = NULL;
	struct hf_why why = { "" };

	if (hf_conf_parse(hf_span(data, size), "fuzz", &layout, &conf, &why) ==
	    HF_OK)
		hf_conf_free(conf);
	return 0;
}
