#!/bin/sh
# The node's one card, and the API server's service address on the node itself:
# no kube-proxy runs here.
set -e
ip link set lo up
ip address replace "$1/32" dev lo
ip address replace 10.0.2.15/24 dev eth0
ip link set eth0 up
