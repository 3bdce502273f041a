# The front door: it runs no graphs, so there is no CUDA flavour of it.
#   docker build -f deploy/docker/gateway.Dockerfile -t brownian-gateway .
ARG DOTNET_IMAGES=mcr.microsoft.com/dotnet

FROM ${DOTNET_IMAGES}/sdk:10.0-noble AS build
WORKDIR /source
COPY . .
RUN dotnet publish services/Gateway/Gateway.csproj -c Release --os linux --no-self-contained -o /app

FROM ${DOTNET_IMAGES}/aspnet:10.0-noble
WORKDIR /app
COPY --from=build /app .
COPY deploy/docker/health /usr/local/bin/health
# A volume of pictures that is mounted here is the user's.
RUN mkdir -p /models /pictures && chown 1654:1654 /pictures
# Nothing is written beside the program: the root file system may be read-only. A diagnostics socket would be.
ENV BROWNIAN_MODELS=/models DOTNET_EnableDiagnostics=0 HOME=/tmp \
    Platform__Listen=0.0.0.0 Platform__HttpPort=5080 Platform__GrpcPort=5081
EXPOSE 5080 5081
HEALTHCHECK --interval=5s --timeout=5s --start-period=120s --retries=3 CMD ["health"]
STOPSIGNAL SIGTERM
# By number, so that an orchestrator sees that it is not root.
USER 1654:1654
ENTRYPOINT ["dotnet", "Brownian.Gateway.dll"]
