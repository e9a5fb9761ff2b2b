#include "unit.h"

#include <string.h>

#include "conf.h"
#include "conf_value.h"

static const struct hf_layout layout = { "/e", "/l", "/r" };

static void a_mistake_is_named_with_its_line_and_a_remedy(void **state)
{
	const struct {
		const char *text, *want;
	} rows[] = {
		/* clang-format off */
		{ "peer-timeout: 10\n",
		  "a.conf:1: peer-timeout: '10' needs a unit: ms, s, min, h or d" },
		{ "\nstore-max: 9000PiB\n",
		  "a.conf:2: store-max: '9000PiB' needs a unit: B, KiB, MiB, GiB or TiB" },
		{ "store-max: 9000TiB\n",
		  "a.conf:1: store-max: '9000TiB' is outside 0TiB to 16TiB" },
		{ "calls-per-peer: 0\n",
		  "a.conf:1: calls-per-peer: '0' is outside 1 to 4096" },
		{ "peer-timout: 10s\n",
		  "a.conf:1: no option 'peer-timout'; did you mean 'peer-timeout'?" },
		{ "colour: red\n",
		  "a.conf:1: no option 'colour'; hashfedd.conf(5) lists them" },
		{ "listen: 7443\n",
		  "a.conf:1: listen: '7443' is not an address; write host:port, for example 0.0.0.0:7443 or [::]:7443" },
		{ "listen: a:1\nlisten: b:2\n",
		  "a.conf:2: listen: set twice; keep one of the two" },
		{ "log-level: loud\n",
		  "a.conf:1: log-level: 'loud' is not error, warning, info or debug" },
		{ "state-dir: lib\n",
		  "a.conf:1: state-dir: 'lib' must be an absolute path" },
		{ "listen: [1, 2]\n", "a.conf:1: listen: must be one value" },
		{ "- a\n- b\n", "a.conf:1: must be lines of 'option: value'" },
		{ "policy: 3\n",
		  "a.conf:1: policy: must be a list of at most 1024 rows" },
		{ "policy:\n  - set: '*'\n    clas: csam\n",
		  "a.conf:3: policy: a row has no 'clas'; did you mean 'class'?" },
		{ "policy:\n  - set: '*'\n    class: [csam, nicii]\n",
		  "a.conf:3: policy: class: 'nicii' is not a class: csam, csam-suspected, ncii, terrorist or other" },
		{ "policy:\n  - near: 65\n",
		  "a.conf:2: policy: near: neither off nor a distance: '65' is outside 0 to 64" },
		{ "policy:\n  - exact: maybe\n",
		  "a.conf:2: policy: exact: 'maybe' is not off, ignore, review or block" },
		{ "stale-after: 8d\n",
		  "a.conf: expired-after must be longer than stale-after" },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_conf *conf = NULL;
		struct hf_why why = { "" };
		enum hf_err err = hf_conf_parse(hf_span_of(rows[i].text),
						"a.conf", &layout, &conf, &why);

		if (err == HF_OK)
			fail_msg("accepted: %s", rows[i].text);
		if (err != HF_E_NOMEM && strcmp(why.text, rows[i].want) != 0)
			fail_msg("'%s' instead of '%s'", why.text,
				 rows[i].want);
	}
}

static void broken_yaml_is_refused_with_its_line(void **state)
{
	const char *rows[] = { "listen: [1\n", "a: b: c\n", "\tlisten: x\n",
			       "? [a]\n: b\n", "'\n" };

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_conf *conf = NULL;
		struct hf_why why = { "" };

		if (hf_conf_parse(hf_span_of(rows[i]), "a.conf", &layout, &conf,
				  &why) == HF_OK)
			fail_msg("accepted: %s", rows[i]);
		if (strncmp(why.text, "a.conf:", 7) != 0)
			fail_msg("no line in '%s'", why.text);
	}
}

static void an_empty_file_is_all_defaults(void **state)
{
	struct hf_conf *conf;
	struct hf_why why = { "" };

	assert_ok(hf_conf_parse(BYTES("# nothing\n"), "a.conf", &layout, &conf,
				&why),
		  &why);
	assert_string_equal(conf->listen, "0.0.0.0:7443");
	assert_string_equal(conf->state_dir, "/l");
	assert_string_equal(conf->run_dir, "/r");
	assert_string_equal(conf->signer, "/r/signer.sock");
	assert_int_equal(conf->log_level, HF_LOG_INFO);
	assert_int_equal(conf->stale_after_ms, 24 * 3600 * 1000);
	assert_int_equal(conf->policy_rows_count, 0);
	hf_conf_free(conf);
}

static void one_row_says_exact_csam_and_no_more(void **state)
{
	struct hf_conf *conf;
	struct hf_why why = { "" };

	assert_ok(hf_conf_parse(BYTES("policy:\n"
				      "  - set: hotline.example/*\n"
				      "    class: csam\n"
				      "    exact: block\n"
				      "    near: off\n"
				      "    only: yes\n"),
				"a.conf", &layout, &conf, &why),
		  &why);
	assert_int_equal(conf->policy_rows_count, 1);
	assert_string_equal(conf->policy_rows[0].set, "hotline.example/*");
	assert_int_equal(conf->policy_rows[0].classes, 1u << HF_CLASS_CSAM);
	assert_int_equal(conf->policy_rows[0].exact, HF_VERDICT_BLOCK);
	assert_int_equal(conf->policy_rows[0].near, HF_POLICY_OFF);
	assert_true(conf->policy_rows[0].is_only);
	hf_conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mistake_is_named_with_its_line_and_a_remedy),
		cmocka_unit_test(broken_yaml_is_refused_with_its_line),
		cmocka_unit_test(an_empty_file_is_all_defaults),
		cmocka_unit_test(one_row_says_exact_csam_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
