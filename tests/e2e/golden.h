/* SPDX-License-Identifier: Apache-2.0 */
/*
 * golden.h - expected.safetensors: prompts with the logits and greedy tokens that
 * transformers gave for them (tests/vectors/demo-logits/README.md).
 */
#ifndef TESTS_E2E_GOLDEN_H
#define TESTS_E2E_GOLDEN_H

#include <stddef.h>
#include <stdint.h>

#define GOLDEN_MAX_PROMPTS 8

struct golden_prompt {
	int32_t *ids;
	size_t n_ids;
	float *fp32, *bf16; /* [rows][vocab]: logits of the last `rows` positions */
	size_t rows, vocab;
	int32_t *greedy;
	float *margin;
	size_t n_greedy;
};

struct golden {
	struct golden_prompt prompts[GOLDEN_MAX_PROMPTS];
	size_t n_prompts;
};

/* Read the file; NULL when it is not there. Fails the test when it is broken. */
struct golden *golden_load(const char *path);
void golden_free(struct golden *g);

#endif /* TESTS_E2E_GOLDEN_H */
