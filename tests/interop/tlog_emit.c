/*
 * tlog_emit DIR: write a set of entries, and a fork of it, as files that
 * other people's tools read: keys, checkpoints of every size, consistency and
 * inclusion proofs, entries.  tlogcheck_test gives them to tlogcheck.
 *
 *   log.vkey cosigner.vkey witness.vkey      keys, as text
 *   SIZE.note                                checkpoint, three signatures
 *   OLD-NEW.consistency                      hashes, one base64 line each
 *   INDEX-SIZE.proof                         a tlog-proof
 *   INDEX.header                             the leaf: 64 bytes
 *   entries                                  u32 length, header, ...
 *   chunk-CHUNK-SIZE.proof .hash             proof and root of a chunk, under
 *                                            a note of the tree of chunks
 *   fork-SIZE.note                           same key, one entry differs
 *   fork-OLD-NEW.consistency                 the fork's root at OLD, and the
 *                                            proof to its own NEW
 *   far-SIZE.note                            properly signed, no such tree
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "bytes.h"
#include "chunk.h"
#include "clock.h"
#include "file.h"
#include "leaf.h"
#include "logproof.h"
#include "note.h"
#include "sign.h"
#include "tree.h"

#define ORIGIN       "hotline.example/interop/1"
#define CHUNK_ORIGIN "hotline.example/chunks/1"
#define ENTRIES      700
#define LEVELS       10
#define FORKED_AT    5 /* the entry that differs */

enum { LOG, COSIGNER, WITNESS, CHUNK_LOG, PARTIES };

static const struct {
	enum hf_note_kind kind;
	const char *name, *file;
} people[PARTIES] = {
	{ HF_NOTE_LOG, ORIGIN, "log.vkey" },
	{ HF_NOTE_COSIGNER, "hotline.example/cosigner", "cosigner.vkey" },
	{ HF_NOTE_COSIGNER, "witness.example/cosigner", "witness.vkey" },
	{ HF_NOTE_LOG, CHUNK_ORIGIN, "chunks.vkey" },
};

static struct {
	struct hf_secret *secret;
	struct hf_note_key key;
} parties[PARTIES];

struct tree {
	struct hf_tree_hash nodes[LEVELS][ENTRIES];
	uint8_t headers[ENTRIES * HF_HEADER_BYTES];
};

static struct tree right, forked;
static const char *dir;

/* Whatever fails here fails the test: say it and stop. */
static void need(enum hf_err err, const struct hf_why *why)
{
	if (err == HF_OK)
		return;
	fprintf(stderr, "tlog_emit: %s: %s\n", hf_err_name(err), why->text);
	exit(1);
}

static enum hf_err node_put(void *context, unsigned level, uint64_t index,
			    const struct hf_tree_hash *hash, struct hf_why *why)
{
	struct tree *tree = context;

	tree->nodes[level][index] = *hash;
	return HF_OK;
}

static enum hf_err node_get(void *context, unsigned level, uint64_t index,
			    struct hf_tree_hash *out_hash, struct hf_why *why)
{
	const struct tree *tree = context;

	*out_hash = tree->nodes[level][index];
	return HF_OK;
}

static struct hf_tree_reader reader_of(struct tree *tree)
{
	return (struct hf_tree_reader){ node_get, tree };
}

/* A fifth of the entries retract the one before. */
static void tree_fill(struct tree *tree, uint64_t different)
{
	const struct hf_tree_sink sink = { node_put, tree };
	struct hf_frontier frontier;
	struct hf_commit commit;
	struct hf_why why = { "" };

	hf_commit_init(&commit);
	hf_frontier_init(&frontier);
	for (uint64_t i = 0; i < ENTRIES; i++) {
		uint8_t *bytes = tree->headers + i * HF_HEADER_BYTES;
		uint8_t opening[HF_OPENING_BYTES] = { (uint8_t)i };
		struct hf_header header = {
			.op = HF_OP_ADD,
			.time_ms = 1767225600000 + i + (i == different),
			.target = i,
		};
		struct hf_tree_hash leaf;

		if (i % 5 == 4) {
			header.op = HF_OP_RETRACT;
			header.target = i - 1;
			header.code = 1;
		} else {
			hf_commit_payload(&commit, opening,
					  hf_span(&i, sizeof(i)), &header);
		}
		hf_header_encode(&header, bytes);
		hf_leaf_hash(bytes, &leaf);
		need(hf_frontier_append(&frontier, &leaf, &sink, &why), &why);
	}
}

static void write_file(const char *name, struct hf_span bytes)
{
	struct hf_why why = { "" };
	char path[4096];

	need(hf_file_join(path, sizeof(path), dir, name, &why), &why);
	need(hf_file_replace(path, bytes, 0644, &why), &why);
}

/* write_buf(&buf, "%d.note", 7): the file, and the buf is empty again. */
static void write_buf(struct hf_buf *buf, const char *format, ...)
	HF_PRINTF(2, 3);

static void write_buf(struct hf_buf *buf, const char *format, ...)
{
	struct hf_why why = { "out of memory" };
	char name[128];
	va_list args;

	need(hf_buf_failed(buf), &why);
	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	write_file(name, hf_buf_span(buf));
	hf_buf_reset(buf);
}

static void party_sign(size_t party, uint64_t time_s, struct hf_span text,
		       struct hf_buf *note)
{
	uint8_t signature[HF_SIGNATURE_BYTES];
	struct hf_why why = { "out of memory" };
	struct hf_buf message;

	hf_buf_init(&message, 4096);
	if (parties[party].key.kind == HF_NOTE_COSIGNER)
		hf_note_put_cosigned(&message, time_s, text);
	else
		hf_buf_put(&message, text);
	need(hf_buf_failed(&message), &why);
	hf_sign(parties[party].secret, hf_buf_span(&message), signature);
	hf_note_put_line(note, &parties[party].key, time_s, signature);
	hf_buf_release(&message);
}

static void note_put(struct hf_buf *note, const char *origin, size_t log,
		     uint64_t size, const struct hf_tree_hash *root)
{
	struct hf_checkpoint checkpoint = { hf_span_of(origin), size, *root };
	uint64_t now_s = hf_clock_wall_ms() / 1000;
	struct hf_why why = { "" };
	struct hf_buf text;

	hf_buf_init(&text, 4096);
	need(hf_note_put_text(&text, &checkpoint, &why), &why);
	need(hf_buf_failed(&text), &why);
	hf_buf_put(note, hf_buf_span(&text));
	hf_note_put_blank(note);
	party_sign(log, 0, hf_buf_span(&text), note);
	party_sign(COSIGNER, now_s - 5, hf_buf_span(&text), note);
	party_sign(WITNESS, now_s, hf_buf_span(&text), note);
	hf_buf_release(&text);
}

static void tree_note_put(struct hf_buf *note, struct tree *tree, uint64_t size)
{
	struct hf_tree_reader reader = reader_of(tree);
	struct hf_tree_hash root;
	struct hf_why why = { "" };

	need(hf_tree_root(&reader, size, &root, &why), &why);
	note_put(note, ORIGIN, LOG, size, &root);
}

static void hashes_put(struct hf_buf *buf, const struct hf_tree_hash *hashes,
		       size_t count)
{
	char text[HF_BASE64_LEN(HF_HASH_BYTES) + 1];

	for (size_t i = 0; i < count; i++) {
		hf_base64(hashes[i].bytes, HF_HASH_BYTES, text);
		hf_buf_printf(buf, "%s\n", text);
	}
}

static void consistency_write(struct hf_buf *buf, uint64_t old_size,
			      uint64_t new_size)
{
	struct hf_tree_reader reader = reader_of(&right);
	struct hf_tree_proof proof = { .hashes_count = 0 };
	struct hf_why why = { "" };

	if (old_size > 0)
		need(hf_tree_prove_consistency(&reader, old_size, new_size,
					       &proof, &why),
		     &why);
	hashes_put(buf, proof.hashes, proof.hashes_count);
	write_buf(buf, "%" PRIu64 "-%" PRIu64 ".consistency", old_size,
		  new_size);
}

static void inclusion_write(struct hf_buf *buf, uint64_t index, uint64_t size)
{
	struct hf_tree_reader reader = reader_of(&right);
	struct hf_span header = hf_span(right.headers + index * HF_HEADER_BYTES,
					HF_HEADER_BYTES);
	struct hf_tree_proof proof;
	struct hf_why why = { "" };
	struct hf_buf note;

	hf_buf_init(&note, HF_NOTE_MAX_BYTES);
	tree_note_put(&note, &right, size);
	need(hf_tree_prove_inclusion(&reader, index, size, &proof, &why), &why);
	hf_logproof_put(buf, index, header, &proof, hf_buf_span(&note));
	write_buf(buf, "%" PRIu64 "-%" PRIu64 ".proof", index, size);
	hf_buf_release(&note);
}

static void chunk_write(struct hf_buf *buf, uint64_t chunk, uint64_t size)
{
	struct hf_tree_reader reader = reader_of(&right);
	struct hf_tree_hash root, chunk_root;
	struct hf_tree_proof proof;
	struct hf_why why = { "" };
	struct hf_buf note;
	char hex[2 * HF_HASH_BYTES + 1];

	hf_chunk_root(right.headers +
			      chunk * HF_CHUNK_ENTRIES * HF_HEADER_BYTES,
		      hf_chunk_entries(size, chunk), &chunk_root);
	hf_hex(chunk_root.bytes, HF_HASH_BYTES, hex);
	hf_buf_put_text(buf, hex);
	write_buf(buf, "chunk-%" PRIu64 "-%" PRIu64 ".hash", chunk, size);

	/* The root of the entries, signed as a tree of chunks. */
	hf_buf_init(&note, HF_NOTE_MAX_BYTES);
	need(hf_tree_root(&reader, size, &root, &why), &why);
	note_put(&note, CHUNK_ORIGIN, CHUNK_LOG, hf_chunk_count(size), &root);
	need(hf_chunk_prove(&reader, chunk, size, &proof, &why), &why);
	hf_logproof_put(buf, chunk, hf_span(NULL, 0), &proof,
			hf_buf_span(&note));
	write_buf(buf, "chunk-%" PRIu64 "-%" PRIu64 ".proof", chunk, size);
	hf_buf_release(&note);
}

static void fork_write(struct hf_buf *buf, uint64_t old_size, uint64_t new_size)
{
	struct hf_tree_reader reader = reader_of(&forked);
	struct hf_tree_hash root;
	struct hf_tree_proof proof;
	struct hf_why why = { "" };

	need(hf_tree_root(&reader, old_size, &root, &why), &why);
	need(hf_tree_prove_consistency(&reader, old_size, new_size, &proof,
				       &why),
	     &why);
	hashes_put(buf, &root, 1);
	hashes_put(buf, proof.hashes, proof.hashes_count);
	write_buf(buf, "fork-%" PRIu64 "-%" PRIu64 ".consistency", old_size,
		  new_size);
}

static void parties_make(void)
{
	struct hf_why why = { "" };
	char text[HF_NOTE_VKEY_MAX_BYTES + 1];

	need(hf_sign_start(&why), &why);
	for (size_t i = 0; i < PARTIES; i++) {
		need(hf_secret_new(&parties[i].secret, &why), &why);
		need(hf_note_key_init(people[i].kind,
				      hf_span_of(people[i].name),
				      hf_secret_public(parties[i].secret),
				      &parties[i].key, &why),
		     &why);
		hf_note_key_text(&parties[i].key, text);
		write_file(people[i].file, hf_span_of(text));
	}
}

static void entries_write(struct hf_buf *buf)
{
	for (uint64_t i = 0; i < ENTRIES; i++) {
		hf_buf_put_u32(buf, HF_HEADER_BYTES);
		hf_buf_put(buf, hf_span(right.headers + i * HF_HEADER_BYTES,
					HF_HEADER_BYTES));
	}
	write_buf(buf, "entries");
}

int main(int argc, char **argv)
{
	static const uint64_t sizes[] = { 0,   1,   2,   3,   4,   5,
					  6,   7,   8,   9,   15,  16,
					  17,  31,  100, 255, 256, 257,
					  511, 512, 513, 699, 700 };
	const struct hf_tree_hash far_root = { { 0xfa, 0x12 } };
	struct hf_buf buf;
	size_t count = sizeof(sizes) / sizeof(sizes[0]);

	if (argc != 2) {
		fprintf(stderr, "usage: tlog_emit DIR\n");
		return 2;
	}
	dir = argv[1];
	parties_make();
	tree_fill(&right, ENTRIES);
	tree_fill(&forked, FORKED_AT);
	hf_buf_init(&buf, (size_t)1 << 20);
	entries_write(&buf);
	for (size_t i = 0; i < count; i++) {
		uint64_t size = sizes[i];

		tree_note_put(&buf, &right, size);
		write_buf(&buf, "%" PRIu64 ".note", size);
		for (size_t j = 0; j <= i; j++)
			consistency_write(&buf, sizes[j], size);
		for (size_t j = 0; j < i; j++)
			inclusion_write(&buf, sizes[j], size);
		for (uint64_t chunk = 0; chunk < hf_chunk_count(size); chunk++)
			chunk_write(&buf, chunk, size);
		if (size < ENTRIES) {
			hf_buf_put(&buf, hf_span(right.headers +
							 size * HF_HEADER_BYTES,
						 HF_HEADER_BYTES));
			write_buf(&buf, "%" PRIu64 ".header", size);
		}
	}
	tree_note_put(&buf, &forked, 8);
	write_buf(&buf, "fork-8.note");
	tree_note_put(&buf, &forked, 100);
	write_buf(&buf, "fork-100.note");
	fork_write(&buf, 8, 100);
	note_put(&buf, ORIGIN, LOG, HF_TREE_MAX_SIZE, &far_root);
	write_buf(&buf, "far-%" PRIu64 ".note", HF_TREE_MAX_SIZE);
	hf_buf_release(&buf);
	for (size_t i = 0; i < PARTIES; i++)
		hf_secret_free(parties[i].secret);
	return 0;
}
