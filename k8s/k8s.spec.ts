import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { parse, parseAllDocuments } from "yaml";
import { services } from "../config/names.ts";

// config/env.ts reads the environment when it is imported: without these two it would refuse to.
process.env["CLUSTER_SECRET"] ||= "c".repeat(32);
process.env["MASTER_KEYS"] ||= `local1:${Buffer.alloc(32).toString("base64")}`;
const { list, variables } = await import("../config/env.ts");

interface Container {
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  env?: { name: string; value?: string; valueFrom?: { secretKeyRef?: { name: string; key: string } } }[];
  envFrom?: { configMapRef?: { name: string }; secretRef?: { name: string } }[];
  securityContext?: object;
  ports?: { name: string; containerPort: number }[];
  lifecycle?: { preStop?: { sleep?: { seconds: number } } };
  startupProbe?: Probe;
  readinessProbe?: Probe;
  livenessProbe?: Probe;
}
interface Probe {
  httpGet?: { path: string; port: string };
}
interface Pod {
  terminationGracePeriodSeconds?: number;
  automountServiceAccountToken?: boolean;
  securityContext?: object;
  containers: Container[];
}
interface Manifest {
  kind: string;
  metadata: { name: string };
  data?: Record<string, string>;
  spec?: { template?: { spec: Pod } };
}
interface Compose {
  services: Record<string, { image: string; command?: string[]; environment?: Record<string, string>; profiles?: string[] }>;
}

const root = join(import.meta.dirname, "..");

/** What `kubectl apply -k` would send, with the examples in the place of secrets; nothing where there is no kubectl. */
function render(overlay: string): Manifest[] {
  const folder = mkdtempSync(join(tmpdir(), "legendo-k8s-"));
  try {
    cpSync(import.meta.dirname, folder, { recursive: true });
    for (const example of globSync("overlays/*/*.env.example", { cwd: folder }))
      copyFileSync(join(folder, example), join(folder, example.replace(/\.example$/, "")));
    const { error, status, stdout, stderr } = spawnSync("kubectl", ["kustomize", join(folder, "overlays", overlay)], { encoding: "utf8" });
    if (error) return [];
    if (status !== 0) throw new Error(stderr);
    return parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const manifests = render("dev");
const claims = manifests.length ? describe : describe.skip;
const compose = parse(readFileSync(join(root, "docker-compose.yml"), "utf8"), { merge: true }) as Compose;
const read = (name: string) => readFileSync(join(root, name), "utf8");
const podOf = ({ spec }: Manifest) => spec?.template?.spec;
const pods = manifests.flatMap((manifest) => podOf(manifest) ?? []);
const deployments = manifests.filter(({ kind }) => kind === "Deployment");
const containerOf = (kind: string, name: string) => {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  return podOf(found!)!.containers[0]!;
};
const servicesOf = (container: Container) => container.env?.find(({ name }) => name === "SERVICES")?.value ?? "";
/** The keys of a generated ConfigMap or Secret, whose name ends in a hash of its content. */
const keysOf = (name: string) => Object.keys(manifests.find(({ metadata, data }) => data && metadata.name === name)?.data ?? {});

claims("the nodes on Kubernetes", () => {
  it("host the same services as those of docker-compose.yml, all of which exist", () => {
    const here = Object.fromEntries(
      deployments.map((deployment) => [deployment.metadata.name, servicesOf(podOf(deployment)!.containers[0]!)]),
    );
    const there = Object.entries(compose.services).flatMap(([name, { environment }]) =>
      environment?.["SERVICES"] ? [[name, environment["SERVICES"]]] : [],
    );
    expect(here).toEqual(Object.fromEntries(there));
    const hosted = new Set(Object.values(here).flatMap(list));
    expect([...hosted].sort()).toEqual([...services].sort());
  });

  it("run the commands of the image and of docker-compose.yml", () => {
    const [, command] = /^CMD (\[.*\])$/m.exec(read("Dockerfile")) ?? [];
    for (const deployment of deployments) expect(podOf(deployment)!.containers[0]!.command).toEqual(JSON.parse(command!));
    expect(containerOf("Job", "migrate").command).toEqual(compose.services["migrate"]!.command);
  });

  it("get variables that config/env.ts knows, and nothing that is the administrator's or the servers' own", () => {
    for (const deployment of deployments) {
      const { env = [], envFrom = [] } = podOf(deployment)!.containers[0]!;
      const sources = envFrom.map(({ configMapRef, secretRef }) => (configMapRef ?? secretRef)!.name);
      expect(sources.map((name) => name.replace(/-[^-]+$/, ""))).toEqual(["legendo-settings", "legendo-secrets"]);
      const given = [...env.map(({ name }) => name), ...sources.flatMap(keysOf)];
      expect(given.filter((name) => !(name in variables))).toEqual([]);
      expect(given).toEqual(
        expect.arrayContaining(["CLUSTER_SECRET", "MASTER_KEYS", "DATABASE_URL", "NATS_URL", "REDIS_URL", "VAULT_URL"]),
      );
    }
    expect(new URL(/^DATABASE_URL=(.*)$/m.exec(read("k8s/overlays/dev/settings.env"))![1]!).password).toBe("");
  });

  it("can be given whatever docker-compose.yml gives, secrets as secrets", () => {
    const there = Object.keys(compose.services["sync"]!.environment!).filter((name) => name in variables && name !== "SERVICES");
    const named = (part: string) =>
      manifests.filter(({ metadata }) => metadata.name.startsWith(part)).flatMap(({ data }) => Object.keys(data!));
    const [settings, secrets] = [named("legendo-settings"), named("legendo-secrets")];
    expect([...settings, ...secrets]).toEqual(expect.arrayContaining(there));
    expect(settings.filter((name) => /SECRET|TOKEN$|ACCESS_KEY|PASSWORD|PROXY_URL|MASTER/.test(name))).toEqual([]);
  });

  it("are given more time to leave than they take", () => {
    const [, grace] = /graceMs = ([\d_]+)/.exec(read("scripts/node.ts"))!;
    for (const deployment of deployments) {
      const { terminationGracePeriodSeconds = 0, containers } = podOf(deployment)!;
      const before = containers[0]!.lifecycle?.preStop?.sleep?.seconds ?? 0;
      expect(terminationGracePeriodSeconds).toBeGreaterThan(before + Number(grace!.replaceAll("_", "")) / 1000);
    }
  });

  it("are probed only where a node answers", () => {
    for (const deployment of deployments) {
      const container = podOf(deployment)!.containers[0]!;
      const hosted = list(servicesOf(container));
      for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
        const { path, port } = probe!.httpGet!;
        expect(path === "/metrics" ? hosted.includes("metrics") : hosted.includes("api") && ["/livez", "/readyz"].includes(path)).toBe(
          true,
        );
        expect(container.ports!.map(({ name }) => name)).toContain(port);
      }
    }
  });
});

claims("every pod on Kubernetes", () => {
  it("runs a pinned image, the servers' being those of docker-compose.yml", () => {
    const used = new Set(pods.flatMap(({ containers }) => containers.map(({ image }) => image)));
    for (const image of used) expect(image).toMatch(/^[\w./-]+:\d+\.\d+[\w.-]*$/);
    expect([...used].sort()).toEqual([...new Set(Object.values(compose.services).map(({ image }) => image))].sort());
  });

  it("is not root, can't become it, writes to volumes alone and gets no token of the API server", () => {
    for (const { securityContext, automountServiceAccountToken, containers } of pods) {
      expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
      expect(automountServiceAccountToken).toBe(false);
      for (const container of containers)
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
    }
  });

  it("finds every key of the secrets it refers to", () => {
    const refs = pods.flatMap(({ containers }) =>
      containers.flatMap(({ env = [] }) => env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? [])),
    );
    expect(refs.length).toBeGreaterThan(0);
    for (const { name, key } of refs) expect(keysOf(name)).toContain(key);
  });

  it.each(["postgres", "redis", "nats"])("starts %s with the arguments of docker-compose.yml", (name) => {
    // ${NAME:?set NAME} there is $(NAME) here.
    const there = compose.services[name]!.command!.map((part) => part.replace(/\$\{(\w+)[^}]*\}/g, "$($1)"));
    expect(containerOf("StatefulSet", name).args).toEqual(there);
  });
});

claims("the examples of secrets", () => {
  it("hold no secret", () => {
    for (const example of globSync("overlays/*/*.env.example", { cwd: import.meta.dirname })) {
      for (const line of read(join("k8s", example)).trim().split("\n")) expect(line).toMatch(/^[A-Z0-9_]+=$|:@/);
    }
  });
});
