/*
 * err.h -- what can go wrong, as one list, and the sentence that says it.
 *
 * Every fallible function of the project returns an enum hf_err and may fill
 * a struct hf_why with one sentence for the person who can act on it.
 *
 * Units    none.
 * Owns     nothing: a struct hf_why lives on the caller's stack.
 * Threads  any; no state.
 * Errors   this is their home.  HF_OK is 0.
 * Source   gRPC status numbers: grpc/status.h.  The names are the stable
 *          ErrorInfo reasons of proto/SPEC.md section 9.
 */
#ifndef HF_ERR_H
#define HF_ERR_H

#include <stddef.h>

/* Name, gRPC status, words.  Append only: names are part of the protocol. */
/* clang-format off */
#define HF_ERR_TABLE(X)                                                       \
	X(OK,              0, "ok")                                           \
	X(CANCELLED,       1, "cancelled")                                    \
	X(MALFORMED,       3, "does not decode")                              \
	X(LIMIT,           3, "larger than the protocol allows")              \
	X(ARGUMENT,        3, "not an acceptable value")                      \
	X(SIGNATURE,       3, "signature does not verify")                    \
	X(PROOF,           3, "proof does not verify")                        \
	X(DEADLINE,        4, "took longer than allowed")                     \
	X(NOTFOUND,        5, "not found")                                    \
	X(EXISTS,          6, "already there")                                \
	X(DENIED,          7, "not permitted")                                \
	X(NOMEM,           8, "out of memory")                                \
	X(FULL,            8, "no space left")                                \
	X(QUOTA,           8, "quota used up")                                \
	X(CONFLICT,        9, "contradicts what is already recorded")         \
	X(EXPIRED,         9, "no longer valid")                              \
	X(FROZEN,          9, "set is frozen")                                \
	X(UNSUPPORTED,    12, "not understood by this version")               \
	X(INTERNAL,       13, "internal error")                               \
	X(SYSTEM,         13, "the operating system refused")                 \
	X(UNAVAILABLE,    14, "cannot answer now, try again")                 \
	X(BUSY,           14, "too much in flight, try again")                \
	X(CORRUPT,        15, "stored data is damaged")                       \
	X(UNAUTHENTICATED,16, "who is calling is not known")
/* clang-format on */

enum hf_err {
#define HF_ERR_ENUM(name, status, words) HF_E_##name,
	HF_ERR_TABLE(HF_ERR_ENUM)
#undef HF_ERR_ENUM
		HF_ERR_COUNT
};

#define HF_OK HF_E_OK

/* The result must be looked at. */
#define HF_MUST              __attribute__((warn_unused_result))
#define HF_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* One sentence, outermost context first: "store: open '/x': No such file". */
struct hf_why {
	char text[256];
};

/* "NOTFOUND": also the ErrorInfo reason on the wire. */
const char *hf_err_name(enum hf_err err);

/* "not found" */
const char *hf_err_words(enum hf_err err);

/* The gRPC status number. */
int hf_err_status(enum hf_err err);

/* The error of an ErrorInfo reason, or of a bare gRPC status where reason is
 * NULL or unknown to us.  Never HF_OK unless status is 0. */
enum hf_err hf_err_from_wire(int status, const char *reason);

/* Write the sentence (why may be NULL) and return err: `return hf_why(...)`. */
enum hf_err hf_why(struct hf_why *why, enum hf_err err, const char *format, ...)
	HF_PRINTF(3, 4);

/* The same with ": <strerror(errno)>" behind it.  ENOSPC and EDQUOT become
 * FULL, ENOMEM NOMEM, ENOENT NOTFOUND, EEXIST EXISTS, EACCES and EPERM DENIED;
 * all else SYSTEM. */
enum hf_err hf_why_errno(struct hf_why *why, const char *format, ...)
	HF_PRINTF(2, 3);

/* Put context before the sentence that is there: "import: " + "row 7: …". */
void hf_why_prefix(struct hf_why *why, const char *format, ...) HF_PRINTF(2, 3);

#endif /* HF_ERR_H */
