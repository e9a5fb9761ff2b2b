/*
 * limit.h -- every limit of the protocol, once.
 *
 * proto/SPEC.md section 10 has the same rows with their reasons; a lint keeps
 * the two together.
 *
 * Units    _BYTES, _MS, _COUNT as named.
 * Owns     nothing.
 * Threads  constants.
 * Errors   whoever checks one answers LIMIT.
 * Source   proto/SPEC.md section 10.
 */
#ifndef HF_LIMIT_H
#define HF_LIMIT_H

#include <stddef.h>
#include <stdint.h>

/* Names. */
#define HF_DOMAIN_MAX_BYTES   253 /* RFC 1123 */
#define HF_SET_NAME_MAX_BYTES 64
#define HF_ORIGIN_MAX_BYTES   330 /* domain, set name, ten digits, slashes */
#define HF_COSIGNER_MAX_BYTES 320

/* The log. */
#define HF_HASH_BYTES           32
#define HF_HEADER_BYTES         64
#define HF_OPENING_BYTES        32
#define HF_PAYLOAD_MAX_BYTES    ((size_t)60 * 1024)
#define HF_NOTE_MAX_BYTES       ((size_t)64 * 1024)
#define HF_NOTE_MAX_SIGNATURES  32
#define HF_PROOF_MAX_HASHES     63
#define HF_LOGPROOF_MAX_BYTES   ((size_t)72 * 1024)
#define HF_LOGPROOF_EXTRA_BYTES 1024
#define HF_EVIDENCE_MAX_BYTES   ((size_t)136 * 1024)
#define HF_CHUNK_ENTRIES        256
#define HF_TREE_MAX_SIZE        ((uint64_t)INT64_MAX)
#define HF_FUTURE_MAX_MS        ((uint64_t)5 * 60 * 1000)
#define HF_FAST_FORWARD_ENTRIES ((uint64_t)10 * 1000 * 1000)

/* Keys. */
#define HF_PUBLIC_KEY_BYTES 32
#define HF_SIGNATURE_BYTES  64
#define HF_KEY_ID_BYTES     16 /* SHA-256 of the public key, cut */

/* One item. */
#define HF_ITEM_MAX_HASHES     64
#define HF_ITEM_MAX_LABELS     64
#define HF_LABEL_MAX_BYTES     256
#define HF_DIGEST_MAX_BYTES    160 /* PhotoDNA is 144 */
#define HF_PDQ_BYTES           32
#define HF_VPDQ_MAX_FRAMES     1800 /* 57,600 bytes: what a payload holds */
#define HF_ITEM_MAX_FLAGS      16
#define HF_ITEM_MAX_REFS       64
#define HF_ITEM_NAME_MAX_BYTES 256  /* what a caller calls an item */
#define HF_QUALITY_MAX         100  /* PDQ */
#define HF_REMARK_MAX_BYTES    1024 /* what people write for people */

/* Signed documents. */
#define HF_MANIFEST_MAX_BYTES      ((size_t)64 * 1024)
#define HF_AGREEMENT_MAX_BYTES     ((size_t)256 * 1024)
#define HF_INVITE_MAX_BYTES        ((size_t)128 * 1024)
#define HF_ROOT_KEYS_MAX           8
#define HF_HISTORY_MAX             16
#define HF_DOCUMENT_MAX_SIGNATURES 16
#define HF_DOCUMENT_LIFE_MS        ((uint64_t)400 * 24 * 3600 * 1000)
#define HF_PINS_MAX                8
#define HF_ENDPOINTS_MAX           8
#define HF_ENDPOINT_MAX_BYTES      262
#define HF_AUDIENCE_MAX            4096
#define HF_CLASSES_MAX             16
#define HF_SET_KEYS_MAX            16

/* Messages. */
#define HF_MESSAGE_MAX_BYTES    ((size_t)4 * 1024 * 1024)
#define HF_CHUNK_MESSAGE_BYTES  ((size_t)1024 * 1024)
#define HF_METADATA_MAX_BYTES   ((size_t)8 * 1024)
#define HF_UNPACK_MAX_BYTES     ((size_t)4 * 1024 * 1024)
#define HF_STREAMS_MAX          32
#define HF_CALLS_PER_PEER_MAX   64
#define HF_MATCH_BATCH_MAX      10000 /* lookups in one message */
#define HF_APPEND_BATCH_MAX     4096  /* entries in one message */
#define HF_APPEND_RANGES_MAX    65536 /* messages of one Append call */
#define HF_RETRACTED_MAX        1000  /* entries named in one answer */
#define HF_MATCH_BATCHES_MAX    16    /* algorithms in one message */
#define HF_MATCH_HITS_PER_ITEM  64
#define HF_MATCH_HITS_MAX       65536    /* in one message */
#define HF_VIDEO_COMPARED_MAX   67108864 /* frames, for a video */
#define HF_VIDEO_COMPARED_PART  256      /* of those listed, for a frame */
#define HF_VIDEO_PAIRS_MAX      262144   /* of frames that are near */
#define HF_VIDEO_LISTS_MAX      16384    /* that are counted for */
#define HF_VIDEO_REFS_MAX       33554432 /* gone through, in each step */
#define HF_MARKS_MAX            1000     /* manifests named in Hello */
#define HF_TAIL_SETS_MAX        10000
#define HF_GOSSIP_NOTES_MAX     100
#define HF_GOSSIP_RECEIPTS_MAX  100 /* of one Gossip */
#define HF_GOSSIP_EVIDENCE_MAX  16
#define HF_PAGE_SIZE_MAX        1000
#define HF_PAGE_TOKEN_MAX_BYTES 512
#define HF_SENTENCE_MAX_BYTES   512 /* warnings, problems, rules */
#define HF_WARNINGS_MAX         100
#define HF_VKEY_MAX_BYTES       512
#define HF_MISSING_MAX          16    /* missing payloads named of a set */
#define HF_SIZES_MAX            10000 /* rows of each list of GetSizes */
#define HF_CHECKS_MAX           8192  /* sets told of by VerifyStore */
#define HF_FAULTS_MAX           64    /* faults told of each */
#define HF_DIRECTORY_MAX_BYTES  512   /* a path on the node's machine */

/* The audit. */
#define HF_AUDIT_FACTS_MAX      32
#define HF_AUDIT_FACT_MAX_BYTES 512
#define HF_AUDIT_NAME_MAX_BYTES 256 /* a certificate's name, a method */

/* Batch ids of Append: 16 bytes chosen by the client. */
#define HF_BATCH_ID_BYTES 16

/* Explaining. */
#define HF_EXPLAIN_OPINIONS_MAX 64 /* of one entry */
#define HF_EXPLAIN_REMARKS_MAX  16

/* Catalogues. */
#define HF_CATALOGUE_ENTRIES_MAX 65536 /* read of one */

/* Takedown cases. */
#define HF_EVENT_ID_BYTES        16
#define HF_ENVELOPE_HEADER_BYTES 109
#define HF_CASE_TEXT_MAX_BYTES   57259 /* what fits a 56 KiB envelope */
#define HF_CASE_LOCATORS_MAX     256
#define HF_URL_MAX_BYTES         4096
#define HF_EXPLANATION_MAX_BYTES 8192
#define HF_CASE_REMARK_MAX_BYTES 4096
#define HF_CASE_AFTER_MAX        16
#define HF_CASE_SAW_MAX          16
#define HF_CASE_EVENTS_MAX       1000
#define HF_CASE_AUTHORITIES_MAX  4
#define HF_CASE_NAMES_MAX        16 /* what this node calls what was found */
#define HF_FOUND_ITEMS_MAX       64 /* in one ReportFound */
#define HF_MAIL_MAX_BYTES        ((size_t)1024 * 1024)
#define HF_BUNDLE_FILE_MAX_BYTES ((size_t)4032 * 1024)

#endif /* HF_LIMIT_H */
