/*
 * match_pipe.h -- hashfed match --stdin: an answer for every line that comes
 * in, in the order of the lines, each as soon as it can be given.
 *
 * A daemon that goes away is waited for and asked again: no line is lost, and
 * none is answered twice.
 *
 * Units    none.
 * Owns     nothing past a call.
 * Threads  one.
 * Errors   what is wrong with a line is its answer; what is returned ends the
 *          run: standard input or output that fails, NOMEM, and a daemon that
 *          cannot be asked when the run begins for a reason that waiting does
 *          not mend.
 * Source   hashfed(1), match.
 */
#ifndef HF_MATCH_PIPE_H
#define HF_MATCH_PIPE_H

#include "cmd.h"

HF_MUST enum hf_err hf_match_pipe(struct hf_cmd *cmd, struct hf_why *why);

#endif /* HF_MATCH_PIPE_H */
