// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/aios.h"
#include "core/engine/tokenizer.h"
#include "core/module/registry.h"

#define MAX_TEXT_BYTES (256u << 20)

struct aios_tokenizer {
	struct module *module;
	const struct aios_tokenizer_ops *ops;
	void *tok;
	struct aios_tokenizer_info info;
};

struct aios_detokenizer {
	const struct aios_tokenizer_ops *ops;
	void *stream;
};

/* The one tokenizer plugin that accepts the file; the last refusal when none does. */
static int open_any(struct aios *aios, const struct aios_tokenizer_source *source,
		    struct aios_tokenizer *t, struct aios_status *st)
{
	struct module *m = NULL;
	int rc = -ENOENT;

	aios_fail(st, -ENOENT, "%s: no tokenizer plugin is there", source->path);
	while ((m = module_next(aios->modules, AIOS_KIND_TOKENIZER, m)) != NULL) {
		rc = module_get(aios->modules, AIOS_KIND_TOKENIZER, module_name(m), &t->module, st);
		if (rc < 0)
			return rc;
		t->ops = module_ops(t->module);
		rc = t->ops->open(module_host(t->module), source, &t->tok, st);
		if (rc == 0)
			return 0;
		module_put(t->module);
		t->module = NULL;
		if (rc != -ENOTSUP)
			return rc;
	}
	return rc;
}

int tokenizer_open_texts(struct aios *aios, const struct aios_ckpt_text *tokenizer,
			 const struct aios_ckpt_text *config, struct aios_tokenizer **out,
			 struct aios_status *st)
{
	struct aios_tokenizer_source source = {
		.size = sizeof(source),
		.path = tokenizer->path,
		.json = tokenizer->text,
		.json_len = tokenizer->len,
		.config_path = config->text ? config->path : NULL,
		.config = config->text,
		.config_len = config->len,
	};
	struct aios_tokenizer *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return aios_fail(st, -ENOMEM, "no memory for a tokenizer");
	rc = open_any(aios, &source, t, st);
	if (rc < 0) {
		free(t);
		return rc;
	}
	t->info.size = sizeof(t->info);
	t->ops->info(t->tok, &t->info);
	*out = t;
	return 0;
}

/* A whole file, NUL-terminated. -ENOENT leaves out->text NULL. */
static int read_text(const char *path, struct aios_ckpt_text *out, struct aios_status *st)
{
	struct stat sb;
	char *text = NULL;
	size_t at = 0;
	ssize_t n = 1;
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;

	memset(out, 0, sizeof(*out));
	out->path = path;
	if (fd < 0)
		return aios_fail(st, -errno, "%s: %s", path, strerror(errno));
	if (fstat(fd, &sb) < 0)
		rc = aios_fail(st, -errno, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(sb.st_mode))
		rc = aios_fail(st, -EINVAL, "%s is not a regular file", path);
	else if (sb.st_size > MAX_TEXT_BYTES)
		rc = aios_fail(st, -EFBIG, "%s: %lld bytes are more than a tokenizer has", path,
			       (long long)sb.st_size);
	if (rc == 0 && !(text = malloc((size_t)sb.st_size + 1)))
		rc = aios_fail(st, -ENOMEM, "no memory to read %s", path);
	while (rc == 0 && n > 0 && at < (size_t)sb.st_size) {
		n = read(fd, text + at, (size_t)sb.st_size - at);
		if (n < 0 && errno != EINTR)
			rc = aios_fail(st, -errno, "%s: %s", path, strerror(errno));
		at += n > 0 ? (size_t)n : 0;
		n = n < 0 ? 1 : n;
	}
	close(fd);
	if (rc < 0) {
		free(text);
		return rc;
	}
	text[at] = '\0';
	out->text = text;
	out->len = at;
	return 0;
}

/* "DIR/tokenizer.json" and "DIR/tokenizer_config.json" of a folder or of the file's folder. malloc'ed. */
static int text_paths(const char *path, char **tokenizer, char **config, struct aios_status *st)
{
	const char *slash;
	struct stat sb;
	int n, m;

	if (stat(path, &sb) < 0)
		return aios_fail(st, -errno, "%s: %s", path, strerror(errno));
	if (S_ISDIR(sb.st_mode)) {
		n = asprintf(tokenizer, "%s/tokenizer.json", path);
		m = asprintf(config, "%s/tokenizer_config.json", path);
	} else {
		slash = strrchr(path, '/');
		n = asprintf(tokenizer, "%s", path);
		m = asprintf(config, "%.*stokenizer_config.json",
			     slash ? (int)(slash - path + 1) : 0, path);
	}
	if (n < 0)
		*tokenizer = NULL;
	if (m < 0)
		*config = NULL;
	if (n < 0 || m < 0)
		return aios_fail(st, -ENOMEM, "no memory for the name of a file");
	return 0;
}

int aios_tokenizer_open(struct aios *aios, const char *path, struct aios_tokenizer **out,
			struct aios_status *st)
{
	struct aios_ckpt_text tokenizer = { 0 }, config = { 0 };
	char *tokenizer_path = NULL, *config_path = NULL;
	int rc;

	aios_status_clear(st);
	rc = text_paths(path, &tokenizer_path, &config_path, st);
	if (rc == 0)
		rc = read_text(tokenizer_path, &tokenizer, st);
	if (rc == 0) {
		rc = read_text(config_path, &config, st);
		if (rc == -ENOENT)
			rc = 0;
	}
	if (rc == 0) {
		aios_status_clear(st);
		rc = tokenizer_open_texts(aios, &tokenizer, &config, out, st);
	}
	free((char *)(uintptr_t)tokenizer.text);
	free((char *)(uintptr_t)config.text);
	free(tokenizer_path);
	free(config_path);
	return rc;
}

void aios_tokenizer_close(struct aios_tokenizer *t)
{
	if (!t)
		return;
	t->ops->close(t->tok);
	module_put(t->module);
	free(t);
}

int aios_tokenize(struct aios_tokenizer *t, const char *text, size_t len, uint32_t flags,
		  int32_t **ids, size_t *n, struct aios_status *st)
{
	size_t cap = len / 2 + 16;
	int32_t *buf, *more;
	int64_t got;

	aios_status_clear(st);
	buf = malloc(cap * sizeof(*buf));
	if (!buf)
		return aios_fail(st, -ENOMEM, "no memory to tokenize %zu bytes", len);
	got = t->ops->encode(t->tok, text, len, flags, buf, cap, st);
	if (got > (int64_t)cap) {
		more = realloc(buf, (size_t)got * sizeof(*buf));
		if (!more) {
			free(buf);
			return aios_fail(st, -ENOMEM, "no memory to tokenize %zu bytes", len);
		}
		buf = more;
		got = t->ops->encode(t->tok, text, len, flags, buf, (size_t)got, st);
	}
	if (got < 0) {
		free(buf);
		return (int)got;
	}
	*ids = buf;
	*n = (size_t)got;
	return 0;
}

int aios_detokenize(struct aios_tokenizer *t, const int32_t *ids, size_t n, uint32_t flags,
		    char **text, size_t *len, struct aios_status *st)
{
	size_t cap = n * 8 + 64;
	char *buf, *more;
	int64_t got;

	aios_status_clear(st);
	buf = malloc(cap + 1);
	if (!buf)
		return aios_fail(st, -ENOMEM, "no memory for the text of %zu tokens", n);
	got = t->ops->decode(t->tok, ids, n, flags, buf, cap, st);
	if (got > (int64_t)cap) {
		more = realloc(buf, (size_t)got + 1);
		if (!more) {
			free(buf);
			return aios_fail(st, -ENOMEM, "no memory for the text of %zu tokens", n);
		}
		buf = more;
		got = t->ops->decode(t->tok, ids, n, flags, buf, (size_t)got, st);
	}
	if (got < 0) {
		free(buf);
		return (int)got;
	}
	buf[got] = '\0';
	*text = buf;
	*len = (size_t)got;
	return 0;
}

int32_t aios_tokenizer_vocab_size(struct aios_tokenizer *t)
{
	return t->info.vocab_size;
}

int32_t aios_tokenizer_bos(struct aios_tokenizer *t)
{
	return t->info.bos_id;
}

int32_t aios_tokenizer_eos(struct aios_tokenizer *t)
{
	return t->info.eos_id;
}

const char *aios_tokenizer_chat_template(struct aios_tokenizer *t)
{
	return t->info.chat_template;
}

const char *aios_tokenizer_token(struct aios_tokenizer *t, int32_t id)
{
	return t->ops->token(t->tok, id, NULL);
}

int detokenizer_open(struct aios_tokenizer *t, uint32_t flags, struct aios_detokenizer **out,
		     struct aios_status *st)
{
	struct aios_detokenizer *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return aios_fail(st, -ENOMEM, "no memory for a text stream");
	d->ops = t->ops;
	rc = t->ops->stream_create(t->tok, flags, &d->stream, st);
	if (rc < 0) {
		free(d);
		return rc;
	}
	*out = d;
	return 0;
}

int detokenizer_push(struct aios_detokenizer *d, int32_t id, const char **text, size_t *len,
		     struct aios_status *st)
{
	return d->ops->stream_push(d->stream, id, text, len, st);
}

int detokenizer_flush(struct aios_detokenizer *d, const char **text, size_t *len,
		      struct aios_status *st)
{
	return d->ops->stream_flush(d->stream, text, len, st);
}

void detokenizer_close(struct aios_detokenizer *d)
{
	if (!d)
		return;
	d->ops->stream_destroy(d->stream);
	free(d);
}
