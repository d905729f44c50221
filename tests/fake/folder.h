/* SPDX-License-Identifier: Apache-2.0 */
/* folder.h - the fake libraries under their vendors' names, for programs that tests start. */
#ifndef FAKE_FOLDER_H
#define FAKE_FOLDER_H

#include <check.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "env.h"

/* The folder, for LD_LIBRARY_PATH; the drivers that look for them are in it too. */
static inline const char *fake_folder(void)
{
	static const char *const links[][2] = {
		{ "fake-libamdhip64.so", "libamdhip64.so.7" },
		{ "fake-librccl.so", "librccl.so.1" },
		{ "fake-libcuda.so", "libcuda.so.1" },
		{ "fake-libnccl.so", "libnccl.so.2" },
		{ "hip.so", "hip.so" },
		{ "cuda.so", "cuda.so" },
	};
	static char path[1024];
	char from[1200], to[1200];
	size_t i;

	snprintf(path, sizeof(path), "%s/tests/fake-libraries", env_build());
	mkdir(path, 0755);
	for (i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		snprintf(from, sizeof(from), "../modules/%s", links[i][0]);
		snprintf(to, sizeof(to), "%s/%s", path, links[i][1]);
		if (symlink(from, to))
			ck_assert_msg(access(to, R_OK) == 0, "%s", to);
	}
	return path;
}

#endif /* FAKE_FOLDER_H */
