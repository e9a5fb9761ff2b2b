/*
 * bench_sealed [SECONDS]: how many events are sealed and opened in a second,
 * by the functions alone on one core, and by a signer of its own through its
 * socket, as the daemon asks it.
 *
 * Texts of 1.5, 12 and 56 kB: a usual notice, one with many places, the
 * longest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "clock.h"
#include "codec_case.h"
#include "envelope.h"
#include "file.h"
#include "vault.h"

#define DOMAIN "hotline.example"
#define PLACE  "https://host.example/"

static struct hf_why why;
static double seconds_each = 1;

static void must(enum hf_err err, const char *what)
{
	if (err == HF_OK)
		return;
	fprintf(stderr, "%s: %s: %s\n", what, hf_err_name(err), why.text);
	exit(1);
}

/* What is done over and over. */
struct task {
	struct hf_agent *agent;
	struct hf_secret *notice;
	uint8_t receive_seed[HF_SEED_BYTES];
	struct hf_span event;
	struct hf_buf text, envelope, record;
	uint8_t inner[HF_SIGNATURE_BYTES];
	struct hf_agent_seal seal;
	struct hf_agent_open open;
};

static double rate(void (*work)(struct task *task), struct task *task)
{
	uint64_t begun_us = hf_clock_mono_us(), took_us = 0, done = 0;

	while ((double)took_us < seconds_each * 1e6) {
		work(task);
		done++;
		took_us = hf_clock_mono_us() - begun_us;
	}
	return (double)done * 1e6 / (double)took_us;
}

static void seal_here(struct task *task)
{
	struct hf_envelope_header header = { .issued_ms = 1, .expires_ms = 2 };
	uint8_t ephemeral[HF_SEED_BYTES];

	hf_random(ephemeral, sizeof(ephemeral));
	hf_buf_reset(&task->envelope);
	must(hf_envelope_seal(&header, task->event, task->notice,
			      task->seal.recipient_key, ephemeral,
			      &task->envelope, task->inner, &why),
	     "seal");
}

static void open_here(struct task *task)
{
	struct hf_envelope envelope;

	must(hf_envelope_parse(hf_buf_span(&task->envelope), &envelope, &why),
	     "parse");
	hf_buf_reset(&task->text);
	must(hf_envelope_open(&envelope, hf_secret_public(task->notice),
			      task->receive_seed, &task->text, task->inner,
			      &why),
	     "open");
}

static void relay_here(struct task *task)
{
	struct hf_envelope envelope;

	must(hf_envelope_parse(hf_buf_span(&task->envelope), &envelope, &why),
	     "parse");
	must(hf_envelope_check(&envelope, hf_secret_public(task->notice), &why),
	     "check");
}

static void seal_asked(struct task *task)
{
	hf_buf_reset(&task->envelope);
	hf_buf_reset(&task->record);
	hf_buf_reset(&task->text);
	must(hf_agent_seal(task->agent, &task->seal, &task->envelope,
			   &task->record, &task->text, &why),
	     "ask to seal");
}

static void open_asked(struct task *task)
{
	hf_buf_reset(&task->record);
	hf_buf_reset(&task->text);
	task->open.envelope = hf_buf_span(&task->envelope);
	must(hf_agent_open_sealed(task->agent, &task->open, &task->record,
				  &task->text, &why),
	     "ask to open");
}

static void read_asked(struct task *task)
{
	struct hf_agent_record record = { .has_ephemeral = false };

	hf_buf_init(&record.text, HF_CASE_TEXT_MAX_BYTES);
	must(hf_agent_read(task->agent, hf_buf_span(&task->record), &record,
			   &why),
	     "ask to read");
	hf_buf_release(&record.text);
}

/* A NOTICE of about len bytes. */
static void put_event(size_t len, struct hf_buf *out)
{
	static char url[HF_URL_MAX_BYTES + 1];
	struct hf_locator places[HF_CASE_LOCATORS_MAX];
	const struct hf_contact desk = { .name = "desk",
					 .email = "desk@hotline.example" };
	struct hf_notice notice = { .provider = "host.example",
				    .regime = HF_REGIME_NTD,
				    .content_class = HF_CLASS_NCII,
				    .locators = places,
				    .explanation = "published without consent",
				    .contact = &desk,
				    .is_good_faith = true };
	const struct hf_case_event event = {
		.kind = HF_CASE_EVENT_NOTICE,
		.event_id = hf_span("0123456789abcdef", 16),
		.notice = &notice,
	};
	/* With its tags and the rest of the event. */
	size_t each = len > 2000 ? 200 : 100;

	memset(url, 'p', sizeof(url) - 1);
	memcpy(url, PLACE, strlen(PLACE));
	url[each] = '\0';
	notice.locators_count = (len - 30) / (each + 4);
	if (notice.locators_count > HF_CASE_LOCATORS_MAX)
		notice.locators_count = HF_CASE_LOCATORS_MAX;
	for (size_t i = 0; i < notice.locators_count; i++)
		places[i] = (struct hf_locator){ .url = url };
	hf_buf_reset(out);
	must(hf_case_event_encode(&event, out), "encode");
}

/* A directory with the keys of an organisation, and a signer on it. */
static void start(const char *home, struct task *task)
{
	const struct hf_key_lock open_lock = { { NULL, 0 }, { 0, 0 } };
	char path[256], program[512];
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 32);

	if (len < 0)
		must(HF_E_SYSTEM, "find this program");
	program[len] = '\0';
	strcpy(strrchr(program, '/') + 1, "hashfed-signer");
	snprintf(path, sizeof(path), "%s/lib/signer", home);
	must(hf_file_mkdirs(path, 0700, &why), "make directory");
	for (int role = HF_KEY_LOG; role <= HF_KEY_STORAGE; role++) {
		const struct hf_key_facts facts = {
			.role = (enum hf_key_role)role,
			.domain = hf_span_of(DOMAIN),
			.created_ms = hf_clock_wall_ms(),
		};
		struct hf_key *key = NULL;

		must(hf_key_new(&facts, &key, &why), "make a key");
		snprintf(path, sizeof(path), "%s/lib/signer/%s.key", home,
			 hf_key_role_name(facts.role));
		must(hf_vault_create(path, key, &open_lock, &why), "keep it");
		if (role == HF_KEY_NOTICE) {
			task->open.sender = key->public_key;
			must(hf_secret_from_seed(hf_secret_seed(key->secret),
						 &task->notice, &why),
			     "notice key");
		} else if (role == HF_KEY_RECEIVE) {
			memcpy(task->receive_seed, hf_secret_seed(key->secret),
			       HF_SEED_BYTES);
			memcpy(task->seal.recipient_key, key->public_key.bytes,
			       HF_PUBLIC_KEY_BYTES);
		}
		hf_key_free(key);
	}
	must(hf_agent_spawn(program, home, false, &task->agent, &why),
	     "start a signer");
	task->seal.expires_ms = UINT64_MAX;
	task->open.origin = hf_span_of(DOMAIN "/0123456789abcdef/1");
}

int main(int argc, char **argv)
{
	const size_t lens[] = { 1500, 12000, 56000 };
	static struct task task;
	char home[] = "/tmp/hf-bench-sealed-XXXXXX", command[64];
	struct hf_buf event;

	if (argc > 1)
		seconds_each = atof(argv[1]);
	must(hf_sign_start(&why), "start");
	if (mkdtemp(home) == NULL)
		must(HF_E_SYSTEM, "make a directory");
	hf_buf_init(&event, HF_CASE_TEXT_MAX_BYTES);
	hf_buf_init(&task.text, HF_CASE_TEXT_MAX_BYTES);
	hf_buf_init(&task.envelope, HF_ENVELOPE_MAX_BYTES);
	hf_buf_init(&task.record, HF_AGENT_RECORD_MAX_BYTES);
	start(home, &task);
	printf("%-22s %9s %9s %9s   %9s %9s %9s\n", "", "seal/s", "open/s",
	       "relay/s", "asked: seal", "open", "read");
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		double sealed, opened, relayed, asked;

		put_event(lens[i], &event);
		task.event = hf_buf_span(&event);
		task.seal.event = task.event;
		sealed = rate(seal_here, &task);
		opened = rate(open_here, &task);
		relayed = rate(relay_here, &task);
		printf("%5zu B, envelope %5zu %9.0f %9.0f %9.0f",
		       event.len_bytes, task.envelope.len_bytes, sealed, opened,
		       relayed);
		fflush(stdout);
		asked = rate(seal_asked, &task);
		printf("   %11.0f", asked);
		printf(" %9.0f", rate(open_asked, &task));
		printf(" %9.0f\n", rate(read_asked, &task));
	}
	hf_agent_close(task.agent);
	snprintf(command, sizeof(command), "rm -rf '%s'", home);
	return system(command);
}
