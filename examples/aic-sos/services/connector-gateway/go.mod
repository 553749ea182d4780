module aic-sos/connector-gateway

go 1.19
