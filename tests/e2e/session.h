/* SPDX-License-Identifier: Apache-2.0 */
/* session.h - a configuration, a context and an engine for a test; failures fail the test. */
#ifndef TESTS_E2E_SESSION_H
#define TESTS_E2E_SESSION_H

#include <aios/aios.h>

struct session {
	struct aios_config *config;
	struct aios *aios;
	struct aios_engine *engine;
};

/*
 * Settings "section.key=value", NULL-terminated; cpu-ref unless they say otherwise, or AIOS_TEST_DRIVER
 * (a path) and AIOS_TEST_NUMERICS do.
 */
void session_open(struct session *s, const char *model, const char *const *settings);
void session_close(struct session *s);

/* "DIR/share/demo", and other paths from the top of the source tree. Static buffers, four deep. */
const char *source_path(const char *relative);

/* What one request gave. */
struct answer {
	int32_t ids[512];
	size_t n;
	char text[8192];
	size_t text_len;
	uint32_t reason;
	struct aios_status status;
	float logprobs[512];
	int32_t top_ids[512][20];
	float top[512][20];
	struct aios_usage usage;
};

/* Submit; the answer arrives in *out (its address is the request's `user`) during session_run(). */
uint64_t session_submit(struct session *s, struct aios_request *req, struct answer *out);

/* Poll until nothing is left. */
void session_run(struct session *s);

/* One text prompt alone. */
void session_ask(struct session *s, const char *prompt, struct aios_request *req,
		 struct answer *out);

/* The same ids and text. */
void answers_equal(const struct answer *a, const struct answer *b, const char *what);

#endif /* TESTS_E2E_SESSION_H */
