#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"

#include "fill_in.h"
#include "follow_fetch.h"

/*
 * One look: a source is asked for what is missing, chunk by chunk, and what
 * comes goes to the ledger, which holds it against the header.
 */

/* Of one look: entries that are asked for, and bytes that come.  Neighbours of
 * an entry come with it, up to a chunk: 256 payloads. */
#define LOOK_ENTRIES ((size_t)1024)
#define LOOK_BYTES   ((size_t)16 * 1024 * 1024)

#define CALL_DEADLINE_MS ((int64_t)60000)

/* A payload that is with the ledger's writer. */
struct job {
	struct hf_rpc_task back;
	struct hf_fill *fill;
	enum hf_err err;
	struct hf_why why;
};

static void go_on(struct hf_fill *fill);

/* Those of one chunk, from where the look is.  NOTFOUND: no more. */
static enum hf_err choose(struct hf_fill *fill)
{
	struct hf_ledger_view *view;
	uint64_t at = fill->result.reached, end;
	enum hf_err err = hf_ledger_view_begin(fill->peers->options.ledger,
					       &view, &fill->why);

	if (err != HF_OK)
		return err;
	fill->wanted_count = 0;
	fill->wanted_at = 0;
	end = fill->result.end;
	while (hf_fill_is_missing(view, fill->set, at, end, &at)) {
		/* The others of its chunk. */
		end = hf_ledger_piece_end(at, end);
		fill->wanted[fill->wanted_count++] = at++;
	}
	hf_ledger_view_end(view);
	return fill->wanted_count > 0 ? HF_OK : HF_E_NOTFOUND;
}

void hf_fill_stalled(void *arg)
{
	struct hf_fill *fill = arg;

	fill->err = hf_why(&fill->why, HF_E_LIMIT,
			   "no payload that is missing within %lld ms",
			   (long long)fill->peers->options.timeout_ms);
	if (fill->call != NULL)
		hf_rpc_cancel(fill->call);
}

/* --- a call -----------------------------------------------------------------
 */

static void on_open(struct hf_rpc_call *call)
{
	struct hf_fill *fill = hf_rpc_arg(call);
	const struct hf_get_chunks_request request = {
		.origin = fill->origin,
		.size = fill->size,
		.first = fill->coming,
		.end = fill->wanted[fill->wanted_count - 1] + 1,
	};

	hf_link_ask_chunks(call, &request);
}

static void on_back(void *arg)
{
	struct job *job = arg;
	struct hf_fill *fill = job->fill;

	fill->jobs--;
	fill->result.brought += job->err == HF_OK;
	/* EXISTS: it came by another way, or was erased. */
	if (job->err != HF_OK && job->err != HF_E_EXISTS &&
	    fill->err == HF_OK) {
		fill->err = job->err;
		fill->why = job->why;
	}
	free(job);
	if (fill->err != HF_OK && fill->call != NULL)
		hf_rpc_cancel(fill->call);
	go_on(fill);
}

/* On the ledger's writer thread. */
static void on_filled(void *arg, enum hf_err err,
		      const struct hf_ledger_receipt *receipt,
		      const struct hf_why *why)
{
	struct job *job = arg;

	job->err = err;
	if (err != HF_OK && why != NULL)
		job->why = *why;
	hf_rpc_loop_post(job->fill->peers->options.outbound, &job->back);
}

/* The ledger holds it against the header that was proven. */
static enum hf_err put(struct hf_fill *fill, uint64_t index,
		       struct hf_span opening, struct hf_span payload)
{
	struct job *job = calloc(1, sizeof(*job));
	enum hf_err err;

	if (job == NULL)
		return hf_why(&fill->why, HF_E_NOMEM, "no memory");
	job->back.run = on_back;
	job->back.arg = job;
	job->fill = fill;
	/* Counted before it can come back. */
	fill->jobs++;
	err = hf_ledger_fill(
		fill->peers->options.ledger, fill->set, index, opening, payload,
		(struct hf_ledger_done){ .call = on_filled, .arg = job },
		&fill->why);
	if (err != HF_OK) {
		fill->jobs--;
		free(job);
	}
	return err;
}

/* Entries in turn; of what is not missing, nothing is looked at. */
static enum hf_err take(struct hf_fill *fill,
			const struct hf_get_chunks_response *message)
{
	const uint8_t *opening = message->openings.at;
	const uint8_t *payload = message->payloads.at;
	uint64_t end = hf_ledger_piece_end(fill->coming, fill->size);
	enum hf_err err = HF_OK;

	if (message->first != fill->coming ||
	    message->payload_lengths_count == 0 ||
	    message->payload_lengths_count > end - fill->coming)
		return hf_why(&fill->why, HF_E_PROOF,
			      "asked for entry %llu, it gave %zu from %llu on",
			      (unsigned long long)fill->coming,
			      message->payload_lengths_count,
			      (unsigned long long)message->first);
	for (size_t i = 0; i < message->payload_lengths_count && err == HF_OK;
	     i++, fill->coming++) {
		uint32_t len_bytes = message->payload_lengths[i];
		bool is_asked = fill->wanted_at < fill->wanted_count &&
				fill->wanted[fill->wanted_at] == fill->coming;

		fill->wanted_at += is_asked;
		if (len_bytes == 0)
			continue;
		if (is_asked)
			err = put(fill, fill->coming,
				  hf_span(opening, HF_OPENING_BYTES),
				  hf_span(payload, len_bytes));
		opening += HF_OPENING_BYTES;
		payload += len_bytes;
	}
	return err;
}

static void on_recv(struct hf_rpc_call *call, struct hf_span message)
{
	struct hf_fill *fill = hf_rpc_arg(call);
	struct hf_get_chunks_response chunk;
	enum hf_err err;

	/* All that was wanted of it came: it sends what is left of the chunk.
	 */
	if (fill->is_going || fill->err != HF_OK ||
	    fill->wanted_at == fill->wanted_count)
		return;
	fill->bytes += message.len_bytes;
	err = hf_get_chunks_response_parse(message, &fill->arena, &chunk,
					   &fill->why);
	if (err == HF_OK)
		err = take(fill, &chunk);
	hf_arena_reset(&fill->arena);
	fill->err = err;
	if (err != HF_OK || fill->wanted_at == fill->wanted_count) {
		hf_rpc_timer_stop(fill->peers->options.outbound, &fill->stall);
		hf_rpc_cancel(call);
		return;
	}
	hf_rpc_timer_start(fill->peers->options.outbound, &fill->stall,
			   fill->peers->options.timeout_ms);
}

static void on_done(struct hf_rpc_call *call, enum hf_err err)
{
	struct hf_fill *fill = hf_rpc_arg(call);

	hf_rpc_timer_stop(fill->peers->options.outbound, &fill->stall);
	if (fill->err == HF_OK && fill->wanted_at < fill->wanted_count) {
		fill->err = hf_follow_theirs(err);
		if (fill->err == HF_OK)
			fill->err = hf_why(
				&fill->why, HF_E_PROOF,
				"asked for entry %llu, it did not give it",
				(unsigned long long)
					fill->wanted[fill->wanted_at]);
		else
			fill->why = *hf_rpc_why(call);
	}
	hf_rpc_unref(fill->call);
	fill->call = NULL;
	go_on(fill);
}

/* --- a look -----------------------------------------------------------------
 */

static void over(struct hf_fill *fill)
{
	struct hf_peers *peers = fill->peers;
	struct hf_link *link = fill->link;

	fill->link = NULL;
	link->is_filling = false;
	hf_arena_release(&fill->arena);
	fill->result.has_failed = fill->err != HF_OK;
	hf_fill_end(fill->source, &fill->result, hf_clock_mono_us());
	hf_log(HF_LOG_DEBUG, "peer", "payloads asked for",
	       "set=%s peer=%s brought=%zu err=%s", fill->origin, link->name,
	       fill->result.brought, hf_err_name(fill->err));
	if (fill->is_going) {
		hf_fill_free_when_over(fill);
		return;
	}
	if (hf_link_is_to_blame(fill->err)) {
		hf_why_prefix(&fill->why, "%s: ", fill->origin);
		hf_link_fail(link, fill->err, &fill->why);
	} else if (fill->result.brought > 0) {
		hf_link_proven(link);
	}
	/* Complete by now, or the next one's turn. */
	hf_fills_look(peers);
}

static void call_begin(struct hf_fill *fill)
{
	static const struct hf_rpc_events events = {
		.open = on_open,
		.recv = on_recv,
		.done = on_done,
	};

	fill->coming = fill->wanted[0];
	fill->asked += fill->wanted_count;
	fill->err = hf_rpc_call_start(
		fill->link->channel, "/hashfed.v1.Federation/GetChunks",
		&events, fill, CALL_DEADLINE_MS, &fill->call, &fill->why);
	if (fill->err != HF_OK) {
		fill->call = NULL;
		over(fill);
		return;
	}
	hf_rpc_timer_start(fill->peers->options.outbound, &fill->stall,
			   fill->peers->options.timeout_ms);
}

/* Once nothing is away: the next chunk, or the end. */
static void go_on(struct hf_fill *fill)
{
	enum hf_err err;

	if (fill->call != NULL || fill->jobs > 0)
		return;
	if (fill->wanted_count > 0)
		fill->result.reached = fill->wanted[fill->wanted_count - 1] + 1;
	if (fill->is_going || fill->err != HF_OK ||
	    fill->link->channel == NULL) {
		over(fill);
		return;
	}
	err = choose(fill);
	fill->result.is_round = err == HF_E_NOTFOUND;
	if (err != HF_OK && err != HF_E_NOTFOUND)
		fill->err = err;
	if (err != HF_OK || fill->asked >= LOOK_ENTRIES ||
	    fill->bytes >= LOOK_BYTES)
		over(fill);
	else
		call_begin(fill);
}

void hf_fill_look(struct hf_fill *fill, struct hf_link *link,
		  struct hf_fill_source *source, uint64_t size,
		  const struct hf_fill_result *begin)
{
	fill->link = link;
	link->is_filling = true;
	fill->source = source;
	fill->size = size;
	fill->result = *begin;
	fill->asked = 0;
	fill->bytes = 0;
	fill->wanted_count = 0;
	fill->err = HF_OK;
	fill->why.text[0] = '\0';
	go_on(fill);
}
