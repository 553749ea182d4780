target "default" {
  args = {
    a = cidrhost("10.12.112.0/20", 16)
    b = cidrhost("10.12.112.0/20", -2)
    c = cidrnetmask("172.16.0.0/12")
    d = cidrsubnet("172.16.0.0/12", 4, 2)
    e = cidrsubnet("fd00:fd12:3456:7890::/56", 16, 162)
    f = jsonencode(cidrsubnets("10.1.0.0/16", 4, 4, 8, 4))
  }
  network = "none"
  extra-hosts = { db = "10.0.0.1", cache = "10.0.0.2" }
}
