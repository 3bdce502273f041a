# Latents to pictures and back.
#   docker build -f deploy/docker/vae-decoder.Dockerfile -t brownian-vae-decoder .
#   docker build -f deploy/docker/vae-decoder.Dockerfile --build-arg ACCELERATOR=cuda -t brownian-vae-decoder:cuda .
ARG ACCELERATOR=cpu
ARG DOTNET_IMAGES=mcr.microsoft.com/dotnet
ARG CUDA_IMAGE=nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04

FROM ${DOTNET_IMAGES}/sdk:10.0-noble AS build
ARG ACCELERATOR
WORKDIR /source
COPY . .
RUN dotnet publish services/VaeDecoder/VaeDecoder.csproj -c Release --os linux --no-self-contained -p:Accelerator=${ACCELERATOR} -o /app

FROM ${DOTNET_IMAGES}/aspnet:10.0-noble AS runtime-cpu

# The same release of Ubuntu as above: the runtime is copied, its libraries are installed.
FROM ${CUDA_IMAGE} AS runtime-cuda
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libicu74 libssl3t64 tzdata && rm -rf /var/lib/apt/lists/*
COPY --from=runtime-cpu /usr/share/dotnet /usr/share/dotnet
ENV PATH=$PATH:/usr/share/dotnet

FROM runtime-${ACCELERATOR}
ARG ACCELERATOR
ENV Platform__Device=${ACCELERATOR} ORT_DISABLE_TELEMETRY=1
WORKDIR /app
COPY --from=build /app .
COPY deploy/docker/health /usr/local/bin/health
# A volume of pictures that is mounted here is the user's.
RUN mkdir -p /models /pictures && chown 1654:1654 /pictures
# Nothing is written beside the program: the root file system may be read-only. A diagnostics socket would be.
ENV BROWNIAN_MODELS=/models DOTNET_EnableDiagnostics=0 HOME=/tmp \
    Platform__Listen=0.0.0.0 Platform__HttpPort=5380 Platform__GrpcPort=5381
EXPOSE 5380 5381
HEALTHCHECK --interval=5s --timeout=5s --start-period=120s --retries=3 CMD ["health"]
STOPSIGNAL SIGTERM
# By number, so that an orchestrator sees that it is not root.
USER 1654:1654
ENTRYPOINT ["dotnet", "Brownian.VaeDecoder.dll"]
