/*
 * signer_serve.h -- the signer's one loop: a socket, a handful of clients, one
 * answer a message.
 *
 * Units    none.
 * Owns     nothing that outlives the call.
 * Threads  one, the only one of its process.
 * Errors   EXISTS when another signer answers at the path; SYSTEM, DENIED.
 * Source   keys/agent/DESIGN.md, section 2.
 */
#ifndef HF_SIGNER_SERVE_H
#define HF_SIGNER_SERVE_H

#include "err.h"
#include "signer.h"

/* EXISTS when another signer answers at path: to say so before the record is
 * waited for. */
HF_MUST enum hf_err hf_signer_check_path(const char *path, struct hf_why *why);

/* Serve until SIGTERM or SIGINT.  The socket file is made with mode 0660; one
 * that nobody answers at is replaced. */
HF_MUST enum hf_err hf_signer_serve_path(struct hf_signer *signer,
					 const char *path, struct hf_why *why);

/* Serve the one client at the other end of fd, until it is gone.  Takes fd
 * over. */
HF_MUST enum hf_err hf_signer_serve_fd(struct hf_signer *signer, int fd,
				       struct hf_why *why);

#endif /* HF_SIGNER_SERVE_H */
