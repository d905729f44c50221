/* SPDX-License-Identifier: Apache-2.0 */
/* npy.c - NumPy's array files, format 1.0. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "npy.h"

enum {
	NPY_PREFIX = 10,  /* magic, version and header length */
	NPY_HEADER = 128, /* prefix and header: a multiple of 64, room for any shape */
};

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define NPY_F32 ">f4"
#else
#define NPY_F32 "<f4"
#endif

static int write_all(int fd, const void *data, size_t bytes)
{
	const char *at = data;

	while (bytes) {
		ssize_t n = write(fd, at, bytes < (1u << 30) ? bytes : 1u << 30);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		bytes -= (size_t)n;
	}
	return 0;
}

static int write_array(int fd, const float *data, size_t rows, size_t cols)
{
	static const char magic[] = {
		'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, NPY_HEADER - NPY_PREFIX, 0
	};
	char header[NPY_HEADER];
	int n, rc;

	memset(header, ' ', sizeof(header));
	memcpy(header, magic, NPY_PREFIX);
	n = snprintf(header + NPY_PREFIX, sizeof(header) - NPY_PREFIX,
		     "{'descr': '" NPY_F32 "', 'fortran_order': False, 'shape': (%zu, %zu), }",
		     rows, cols);
	header[NPY_PREFIX + n] = ' ';
	header[NPY_HEADER - 1] = '\n';
	rc = write_all(fd, header, sizeof(header));
	return rc ? rc : write_all(fd, data, rows * cols * sizeof(*data));
}

static int write_direct(const char *path, const float *data, size_t rows, size_t cols)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	rc = write_array(fd, data, rows, cols);
	if (close(fd) && !rc)
		rc = -errno;
	return rc;
}

/* Write beside `target`, then rename. */
static int write_renamed(const char *target, const float *data, size_t rows, size_t cols)
{
	mode_t mask = umask(0);
	char *temp;
	int fd, rc;

	umask(mask);
	if (asprintf(&temp, "%s.XXXXXX", target) < 0)
		return -ENOMEM;
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0) {
		rc = -errno;
		goto out_free;
	}
	rc = write_array(fd, data, rows, cols);
	if (!rc && fchmod(fd, 0666 & ~mask))
		rc = -errno;
	if (close(fd) && !rc)
		rc = -errno;
	if (!rc && rename(temp, target))
		rc = -errno;
	if (rc)
		unlink(temp);
out_free:
	free(temp);
	return rc;
}

int npy_write_f32(const char *path, const float *data, size_t rows, size_t cols,
		  struct aios_status *st)
{
	char *real = realpath(path, NULL); /* a link stays a link; NULL: a new file */
	const char *target = real ? real : path;
	struct stat info;
	int rc;

	if (stat(target, &info) == 0 && !S_ISREG(info.st_mode))
		rc = write_direct(target, data, rows, cols);
	else
		rc = write_renamed(target, data, rows, cols);
	free(real);
	if (rc)
		return aios_fail(st, rc, "cannot write %s: %s", path, strerror(-rc));
	return 0;
}
