#ifndef ENGINE_BUILDKIT_REASONS_H
#define ENGINE_BUILDKIT_REASONS_H

struct control_failure;
struct grpc_call;

/* Reads the details of a call's status (control.h): google.rpc.Status with reasons that are JSON texts of
 * BuildKit's own types. Unknown ones are ignored. */
void reasons_read(const struct grpc_call *call, struct control_failure *ret);

#endif
