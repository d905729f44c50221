// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_safetensors.c - input that begins with '{' is a sharded folder's index,
 * any other a .safetensors file. What opens is used as a loader would use it.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <aios/plugin/format.h>

#define PATH_MAX_HERE 256

/* The plugin's source is compiled into this program as a built-in module. */
extern const struct aios_module aios_module_safetensors;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folders[2][PATH_MAX_HERE]; /* of a single file, of shards */
static const char *const names[2][5] = {
	{ "config.json", "model.safetensors" },
	{ "config.json", "model.safetensors.index.json", "a.safetensors", "b.safetensors" },
};

static void put(const char *folder, const char *name, const void *bytes, size_t len)
{
	char path[PATH_MAX_HERE + 64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
		abort();
	close(fd);
}

static void put_shard(const char *folder, const char *name, const char *tensor)
{
	uint8_t bytes[256] = { 0 };
	int n = snprintf((char *)bytes + 8, sizeof(bytes) - 12,
			 "{\"%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
			 "\"both\":{\"dtype\":\"BF16\",\"shape\":[0],\"data_offsets\":[0,0]}}",
			 tensor);

	bytes[0] = (uint8_t)n;
	put(folder, name, bytes, 8 + (size_t)n + 4);
}

static void clean_up(void)
{
	char path[PATH_MAX_HERE + 64];

	for (int i = 0; i < 2; i++) {
		for (int k = 0; names[i][k]; k++) {
			snprintf(path, sizeof(path), "%s/%s", folders[i], names[i][k]);
			unlink(path);
		}
		rmdir(folders[i]);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *tmp = getenv("TMPDIR");

	(void)argc;
	(void)argv;
	for (int i = 0; i < 2; i++) {
		snprintf(folders[i], sizeof(folders[i]), "%s/aios-fuzz-st-XXXXXX",
			 tmp ? tmp : "/tmp");
		if (!mkdtemp(folders[i]))
			abort();
		put(folders[i], "config.json", "{}", 2);
	}
	put_shard(folders[1], "a.safetensors", "a");
	put_shard(folders[1], "b.safetensors", "b");
	atexit(clean_up);
	return 0;
}

/* Everything that `contents` promises is there to be read. */
static void use(const struct aios_format_ops *format, void *ckpt,
		const struct aios_checkpoint *contents)
{
	for (uint32_t i = 0; i < contents->n_tensors; i++) {
		const struct aios_ckpt_tensor *t = &contents->tensors[i];
		const volatile uint8_t *bytes = t->data;

		if (i > 0 && strcmp(contents->tensors[i - 1].name, t->name) >= 0)
			abort();
		format->prefetch(ckpt, t);
		if (t->bytes > 0) {
			(void)bytes[0];
			(void)bytes[t->bytes - 1];
		}
		format->release(ckpt, t);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct aios_format_ops *format = aios_module_safetensors.ops;
	const struct aios_checkpoint *contents = NULL;
	const int sharded = size > 0 && data[0] == '{';
	struct aios_status st = { 0 };
	void *ckpt = NULL;

	put(folders[sharded], names[sharded][1], data, size);
	if (format->open(NULL, folders[sharded], false, &ckpt, &contents, &st)) {
		if (st.code >= 0 || st.message[0] == '\0')
			abort(); /* every refusal has a code and a message */
		return 0;
	}
	use(format, ckpt, contents);
	format->close(ckpt);
	return 0;
}
