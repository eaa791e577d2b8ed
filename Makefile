# `make` builds, `make install` installs: see README.md. ./configure writes config.mk; without it these defaults count,
# and each may be given to make or in the environment: make install DESTDIR=/tmp/stage PREFIX=/usr NODE=/usr/bin/node
-include config.mk

PREFIX ?= /usr
SYSCONFDIR ?= /etc
LOCALSTATEDIR ?= /var
# The entry of Ganeti's OS search path below which the definition is installed as `debootstrap`.
OS_DIR ?= /srv/ganeti/os
# An absolute path; empty: the node that stands on the PATH.
NODE ?=
DESTDIR ?=
export PREFIX SYSCONFDIR LOCALSTATEDIR OS_DIR NODE DESTDIR

sources := $(shell find bin src -name '*.ts') scripts/build.mjs scripts/head.sh os-definition/start.cjs package.json
# A node that scripts/install-packages fetched because the system's is too old to build with; harmless when absent.
export PATH := $(CURDIR)/.cache/node/bin:$(PATH)

# That node trusts, as Debian's does, the authorities of this machine: a site may have its own.
system_authorities := $(wildcard /etc/ssl/certs/ca-certificates.crt)
ifneq ($(system_authorities),)
NODE_EXTRA_CA_CERTS ?= $(system_authorities)
export NODE_EXTRA_CA_CERTS
endif

all: build

build: os-definition/create

os-definition/create: node_modules/.package-lock.json $(sources)
	npm run --silent build

node_modules/.package-lock.json: package-lock.json
	npm ci --no-audit --no-fund
	touch $@

install: build
	scripts/install

uninstall:
	scripts/uninstall

# Everything that can be checked on this machine, as root: installs the Debian packages it needs.
check:
	scripts/install-packages build check
	$(MAKE) node_modules/.package-lock.json
	node scripts/check.mjs unit system

# The Debian package, in dist/.
deb:
	scripts/install-packages build deb
	$(MAKE) build
	scripts/deb

# Installs the package in chroots of Debian's releases, over the one that was there before.
check-packages:
	scripts/install-packages build check deb
	$(MAKE) build
	node scripts/check.mjs packages

# Boots guests in an emulator.
check-vm:
	scripts/install-packages build check vm
	$(MAKE) build
	node scripts/check.mjs vm

demo:
	scripts/install-packages build demo
	$(MAKE) build
	scripts/demo

bench:
	scripts/install-packages build bench
	$(MAKE) build
	scripts/bench/run

clean:
	rm -rf test-results coverage .cache dist
	cd os-definition && rm -f create import export rename verify ganeti-instance-debootstrap *.code THIRD-PARTY-LICENSES

distclean: clean
	rm -rf node_modules config.mk

.PHONY: all build install uninstall check check-packages check-vm deb demo bench clean distclean
