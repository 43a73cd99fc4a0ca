export interface DirectoryOptions {
  /** Sync every object to disk before it becomes visible. */
  fsync?: boolean;
}

export declare function directoryStore(url: URL, options: DirectoryOptions): import("./store.ts").Store;
