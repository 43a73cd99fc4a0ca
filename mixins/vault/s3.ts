export interface S3StoreOptions {
  endpoint?: string;
  region?: string;
  accessKeyId?: string;
  secretAccessKey?: string;
}

export declare function s3Store(url: URL, options: S3StoreOptions): import("./store.ts").Store;
