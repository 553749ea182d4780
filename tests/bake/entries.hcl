# env: KUBECONFIG=x
# env: plain=y
target "default" {
  output = [
    { type = "oci", dest = "../out.tar" },
    "type=docker",
  ]
  attest = [
    { type = "provenance", mode = "max" },
    { type = "sbom", disabled = true },
  ]
  cache-from = [{ type = "registry", ref = "acme/cache:a" }, { type = "local", src = "cache" }]
  cache-to = [{ type = "local", dest = "cache", mode = "max" }]
  secret = [
    { type = "env", id = "KUBECONFIG" },
    { type = "file", id = "aws", src = "/dev/null" },
    { id = "plain" },
  ]
  ssh = [{ id = "default" }]
  ulimits = ["nofile=1024:1024", "nproc=10"]
  shm-size = "128m"
  entitlements = ["network.host", "security.insecure", "network.host"]
  annotations = ["index,manifest:org.acme=x", "org.acme=y"]
  no-cache-filter = ["build"]
  call = "check"
  description = "everything"
  pull = true
  no-cache = false
  network = "host"
}
