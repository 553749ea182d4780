#ifndef DSL_DRIVERS_H
#define DSL_DRIVERS_H

/*
 * The builders and the runtimes, best first: those that need no daemon come before those that do. Everything that
 * needs their names takes them from these rows. `first` is called with the first row, `more` with each of the others.
 *
 * BUILDER_DRIVERS: name; how an instance is named, "" when there is only one; former name, or NULL; the runtime that
 * shares its engine, or NULL, and with a colon at its end if an instance of the builder is one of the runtime's; whether the manifest's `tls` applies to it.
 */
#define BUILDER_DRIVERS(first, more)                                                                                   \
	first(buildah, "", NULL, "podman", false) more(podman, "", NULL, "podman", false)                              \
		more(docker, "[:BUILDER]", NULL, "docker", false) more(buildkit, "[:ADDRESS]", "buildctl", NULL, true) \
			more(nerdctl, "[:NAMESPACE]", NULL, "containerd:", false)
#define RUNTIME_DRIVERS(first, more) first(podman, "") more(docker, "") more(containerd, "[:NAMESPACE]")

#define DRIVER_FIRST(driver, instance, ...) #driver instance
#define DRIVER_COMMA(driver, instance, ...) ", " #driver instance
#define DRIVER_FIRST_WORD(driver, ...) #driver
#define DRIVER_WORD(driver, ...) " " #driver
#define DRIVER_COMMA_WORD(driver, ...) ", " #driver
#define DRIVER_NAME(driver, ...) #driver,
#define DRIVER_NAMES(driver, instance, former, ...) #driver, former, /* the former one may be NULL */

#define BUILDER_LIST BUILDER_DRIVERS(DRIVER_FIRST, DRIVER_COMMA) /* "buildah, docker[:BUILDER], ..." */
#define RUNTIME_LIST RUNTIME_DRIVERS(DRIVER_FIRST, DRIVER_COMMA)
#define BUILDER_WORDS BUILDER_DRIVERS(DRIVER_FIRST_WORD, DRIVER_WORD) /* "buildah docker ..." */
#define RUNTIME_WORDS RUNTIME_DRIVERS(DRIVER_FIRST_WORD, DRIVER_WORD)
#define BUILDER_NAMES BUILDER_DRIVERS(DRIVER_NAME, DRIVER_NAME) /* "buildah", "docker", ... */
#define RUNTIME_NAMES RUNTIME_DRIVERS(DRIVER_NAME, DRIVER_NAME)

#endif
