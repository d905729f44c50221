/* SPDX-License-Identifier: Apache-2.0 */
/* driver.h - the parts of `aios driver` that have files of their own. */
#ifndef CLI_DRIVER_H
#define CLI_DRIVER_H

#include "cli.h"

/* aios driver lint FILE.so: CLI_FAILED, without a message, when the file is refused. */
int driver_lint(struct cli *cli, const char *path, struct aios_status *st);

/* aios driver new NAME [--dir DIR]: a folder to begin a driver with. */
int driver_new(struct cli *cli, const char *name, struct aios_status *st);

#endif /* CLI_DRIVER_H */
