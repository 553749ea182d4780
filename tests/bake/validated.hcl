variable "PORT" {
  type = number
  default = 8080
  description = "where it listens"
  validation {
    condition = PORT > 1024 && PORT < 65536
    error_message = "The port must be above 1024."
  }
  validation {
    condition = PORT % 2 == 0
    error_message = "The port must be even."
  }
}
target "default" { args = { PORT = PORT } }
