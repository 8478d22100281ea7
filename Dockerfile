# A static binary in an empty image.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ENV CGO_ENABLED=0
RUN go build -trimpath -ldflags="-s -w" -o /out/ ./cmd/flights ./cmd/gokavro
RUN mkdir /out/state

FROM scratch
# For registries and brokers that speak TLS.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/flights /out/gokavro /
# Owned by the user below, so that a new named volume on it can be written.
COPY --from=build --chown=65532:65532 /out/state /state
ENV GOKAVRO_STATE=/state
VOLUME /state
USER 65532:65532
ENTRYPOINT ["/flights"]
