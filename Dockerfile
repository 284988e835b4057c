# syntax=docker/dockerfile:1
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/admit ./cmd/admit
# The folder of the SQLite database, owned by who runs the server.
RUN mkdir -p /out/data

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/admit /usr/local/bin/admit
COPY --from=build --chown=nonroot:nonroot /out/data /data
USER nonroot
WORKDIR /data
VOLUME /data
ENV ADMIT_LISTEN=:8103 ADMIT_DATABASE_URL=sqlite:/data/admit.db
EXPOSE 8103
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["/usr/local/bin/admit", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/admit"]
CMD ["serve"]
