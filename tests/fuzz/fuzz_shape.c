// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_shape.c - any text behind "shape:". What opens is a checkpoint: its config.json is JSON,
 * its tensors are sorted, and their sizes are what their shapes say. No weights are made.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <aios/plugin/format.h>

/* The plugin's source is compiled into this program as a built-in module. */
extern const struct aios_module aios_module_shape;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_contents(const struct aios_checkpoint *c)
{
	json_t *config = json_loadb(c->config.text, c->config.len, JSON_REJECT_DUPLICATES, NULL);
	uint64_t bytes = 0;

	if (!config)
		abort();
	json_decref(config);
	for (uint32_t i = 0; i < c->n_tensors; i++) {
		const struct aios_ckpt_tensor *t = &c->tensors[i];
		uint64_t values = 1;

		if (i > 0 && strcmp(c->tensors[i - 1].name, t->name) >= 0)
			abort();
		for (uint32_t k = 0; k < t->n_dims; k++)
			if (__builtin_mul_overflow(values, (uint64_t)t->shape[k], &values))
				abort();
		if (values == 0 || t->bytes != 2 * values)
			abort();
		if (__builtin_add_overflow(bytes, t->bytes, &bytes))
			abort();
	}
	if (c->n_tensors == 0 || c->bytes != bytes)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char prefix[] = "shape:";
	const struct aios_format_ops *format = aios_module_shape.ops;
	const struct aios_checkpoint *contents = NULL;
	char *path = malloc(sizeof(prefix) + size);
	struct aios_status st = { 0 };
	char reason[128];
	void *ckpt = NULL;

	if (!path)
		return 0;
	memcpy(path, prefix, sizeof(prefix) - 1);
	memcpy(path + sizeof(prefix) - 1, data, size);
	path[sizeof(prefix) - 1 + size] = '\0';
	if (format->probe(NULL, path, reason) <= 0)
		abort();
	if (format->open(NULL, path, true, &ckpt, &contents, &st) == 0) {
		check_contents(contents);
		format->close(ckpt);
	} else if (ckpt || st.code >= 0 || st.message[0] == '\0') {
		abort(); /* every refusal has a code and a message */
	}
	free(path);
	return 0;
}
