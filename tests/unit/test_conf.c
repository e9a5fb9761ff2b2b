#include "unit.h"

#include <string.h>

#include "codec_words.h"
#include "conf.h"
#include "conf_value.h"

/* The identity as a key: it verifies any message in some libraries. */
#define SMALL_ORDER                                                            \
	"one.example/cosigner+0a197407+"                                       \
	"BAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
/* The key of a cosigner: seed 32 times 01. */
#define WITNESS                                                                \
	"one.example/cosigner+94b3e2ad+BIqI4910CfGV/VLbLTy6"                   \
	"XXLKZwm/HZQSG/N0iAG0D29c"

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
		{ "witnesses: none\n",
		  "a.conf:1: witnesses: must be a list of at most 1024 rows" },
		{ "witnesses:\n  - { set: hotline.example/ncii/1 }\n",
		  "a.conf:2: witnesses: a row is written '- { set: ORIGIN, from: [KEY], need: N }'" },
		{ "witnesses:\n  - { set: ncii, from: [" WITNESS "] }\n",
		  "a.conf:2: witnesses: set: 'ncii' is not an origin, such as hotline.example/ncii/1" },
		{ "witnesses:\n  - { set: hotline.example/ncii/1, from: [" WITNESS "], need: 2 }\n",
		  "a.conf:2: witnesses: 2 are needed, 1 are named" },
		{ "witnesses:\n  - { set: hotline.example/ncii/1, from: [" WITNESS ", " WITNESS "] }\n",
		  "a.conf:2: witnesses: from: the key of one.example/cosigner is there twice" },
		{ "witnesses:\n  - { set: hotline.example/ncii/1, from: [one.example] }\n",
		  "a.conf:2: witnesses: from: 'one.example' is not the key of a cosigner, as 'hashfed status' of the witness prints it" },
		{ "witnesses:\n  - { set: hotline.example/ncii/1, from: [" SMALL_ORDER "] }\n",
		  "a.conf:2: witnesses: from: '" SMALL_ORDER "' is not the key of a cosigner, as 'hashfed status' of the witness prints it" },
		{ "witnesses:\n  - { set: hotline.example/ncii/1, quorum: 2 }\n",
		  "a.conf:2: witnesses: a row has no 'quorum'; it has set, from and need" },
		{ "attesters: acm.example\n",
		  "a.conf:1: attesters: must be a list of at most 1024 rows" },
		{ "attesters:\n  - acm.example\n",
		  "a.conf:2: attesters: a row is written '- { by: DOMAIN, roles: [ROLE] }'" },
		{ "attesters:\n  - by: acm.example\n",
		  "a.conf:2: attesters: a row is written '- { by: DOMAIN, roles: [ROLE] }'" },
		{ "attesters:\n  - { by: acm.example, roles: [] }\n",
		  "a.conf:2: attesters: a row is written '- { by: DOMAIN, roles: [ROLE] }'" },
		{ "attesters:\n  - by: ACM\n    roles: [hotline]\n",
		  "a.conf:2: attesters: by: 'ACM' must be a peer's domain" },
		{ "attesters:\n  - by: acm.example\n    roles: [hotline, boss]\n",
		  "a.conf:3: attesters: roles: 'boss' is not a role: hotline, trusted-flagger, provider, authority, partner, witness" },
		{ "attesters:\n  - by: [a.example]\n    roles: [hotline]\n",
		  "a.conf:2: attesters: by: must be one value" },
		{ "attesters:\n  - by: acm.example\n    role: hotline\n",
		  "a.conf:3: attesters: a row has no 'role'; it has by and roles" },
		{ "regimes: ntd\n",
		  "a.conf:1: regimes: must be a list of at most 16 rows" },
		{ "regimes:\n  - { deadline: 24h }\n",
		  "a.conf:2: regimes: a row is written '- { regime: ntd, deadline: 24h }'" },
		{ "regimes:\n  - { regime: nicest }\n",
		  "a.conf:2: regimes: regime: 'nicest' is not a regime: ntd, dsa, csam-order, tco, criminal-order, forward, voluntary" },
		{ "regimes:\n  - regime: ntd\n    dead-line: 24h\n",
		  "a.conf:3: regimes: a row has no 'dead-line'; hashfedd.conf(5) lists what it has" },
		{ "regimes:\n  - regime: ntd\n    deadline: [1h]\n",
		  "a.conf:3: regimes: deadline: must be one value" },
		{ "regimes:\n  - regime: ntd\n    warn: [1h, 2h, 3h, 4h, 5h]\n",
		  "a.conf:3: regimes: warn: more than 4 warnings" },
		{ "regimes:\n  - regime: ntd\n    warn: off\n",
		  "a.conf:3: regimes: warn: 'off' is no warning: write 'warn: []' for none" },
		{ "regimes:\n  - regime: tco\n    pause: off\n",
		  "a.conf:3: regimes: pause: 'off' pauses no clock: give needs-info, impossible, or [] for none" },
		{ "regimes:\n  - regime: ntd\n    escalate-to: ACM\n",
		  "a.conf:3: regimes: escalate-to: 'ACM' must be a peer's domain" },
		{ "regimes:\n  - { regime: ntd }\n  - { regime: ntd }\n",
		  "a.conf:3: regimes: ntd is there twice" },
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

/* No set is taken with fewer cosignatures because it went on. */
static void witnesses_of_an_epoch_are_those_of_later_ones(void **state)
{
	static const struct {
		const char *origin;
		unsigned need;
	} rows[] = {
		{ "hotline.example/ncii/2", 0 },
		{ "hotline.example/ncii/3", 1 },
		{ "hotline.example/ncii/4", 1 },
		{ "hotline.example/ncii/10", 0 },
		{ "hotline.example/ncii/11", 0 },
		{ "hotline.example/csam/4", 0 },
	};
	struct hf_conf *conf = NULL;
	struct hf_why why = { "" };

	assert_ok(
		hf_conf_parse(hf_span_of("witnesses:\n"
					 "  - { set: hotline.example/ncii/10, "
					 "from: [" WITNESS "] }\n"
					 "  - { set: hotline.example/ncii/3, "
					 "from: [" WITNESS "], need: 1 }\n"),
			      "a.conf", &layout, &conf, &why),
		&why);
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct hf_note_witnesses *rule =
			hf_conf_witnesses_of(conf, rows[i].origin);

		assert_int_equal(rule != NULL ? rule->need : 0, rows[i].need);
	}
	assert_non_null(hf_conf_witnesses_of(conf, "hotline.example/ncii/10"));
	assert_null(hf_conf_witnesses_of(conf, "hotline.example/ncii/2"));
	hf_conf_free(conf);
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
	assert_int_equal(conf->sign_again_after_ms, 10 * 60 * 1000);
	assert_int_equal(conf->stale_after_ms, 24 * 3600 * 1000);
	assert_int_equal(conf->policy_rows_count, 0);
	assert_int_equal(conf->attesters_count, 0);
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

static void attesters_are_named_with_what_they_may_say(void **state)
{
	struct hf_conf *conf;
	struct hf_why why = { "" };

	assert_ok(hf_conf_parse(
			  BYTES("attesters:\n"
				"  - { by: acm.example, roles: trusted-flagger "
				"}\n"
				"  - by: ministry.example\n"
				"    roles: [authority, hotline]\n"),
			  "a.conf", &layout, &conf, &why),
		  &why);
	assert_int_equal(conf->attesters_count, 2);
	assert_string_equal(conf->attesters[0].by, "acm.example");
	assert_int_equal(conf->attesters[0].roles,
			 1u << HF_ROLE_TRUSTED_FLAGGER);
	assert_string_equal(conf->attesters[1].by, "ministry.example");
	assert_int_equal(conf->attesters[1].roles,
			 1u << HF_ROLE_AUTHORITY | 1u << HF_ROLE_HOTLINE);
	hf_conf_free(conf);
}

static void a_regime_is_its_defaults_and_what_its_row_says(void **state)
{
	const struct hf_case_rules *tco = hf_case_rules_default(HF_REGIME_TCO);
	const struct hf_conf_regime *row;
	struct hf_conf *conf;
	struct hf_why why = { "" };

	assert_ok(hf_conf_parse(BYTES("regimes:\n"
				      "  - { regime: ntd, warn: [4h, 30min], "
				      "escalate: off, escalate-to: acm.example "
				      "}\n"
				      "  - pause: []\n"
				      "    warn: []\n"
				      "    regime: tco\n"),
				"a.conf", &layout, &conf, &why),
		  &why);
	assert_int_equal(conf->regimes_count, 2);
	row = &conf->regimes[0];
	assert_int_equal(row->regime, HF_REGIME_NTD);
	assert_int_equal(row->rules.deadline_ms,
			 hf_case_rules_default(HF_REGIME_NTD)->deadline_ms);
	assert_int_equal(row->rules.warn_count, 2);
	assert_int_equal(row->rules.warn_ms[0], 4 * 3600 * 1000);
	assert_int_equal(row->rules.warn_ms[1], 30 * 60 * 1000);
	assert_int_equal(row->rules.escalate_ms, 0);
	assert_string_equal(row->escalate_to, "acm.example");
	/* The name may come last, and a list may be empty. */
	row = &conf->regimes[1];
	assert_int_equal(row->regime, HF_REGIME_TCO);
	assert_int_equal(row->rules.deadline_ms, tco->deadline_ms);
	assert_int_equal(row->rules.warn_count, 0);
	assert_true(tco->pauses_impossible && !row->rules.pauses_impossible);
	assert_false(row->rules.pauses_needs_info);
	hf_conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mistake_is_named_with_its_line_and_a_remedy),
		cmocka_unit_test(broken_yaml_is_refused_with_its_line),
		cmocka_unit_test(witnesses_of_an_epoch_are_those_of_later_ones),
		cmocka_unit_test(an_empty_file_is_all_defaults),
		cmocka_unit_test(one_row_says_exact_csam_and_no_more),
		cmocka_unit_test(attesters_are_named_with_what_they_may_say),
		cmocka_unit_test(
			a_regime_is_its_defaults_and_what_its_row_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
