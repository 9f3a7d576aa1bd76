/**
 * Lists a bucket page by page: objects, all versions, uploads that are not over. Names are asked for in
 * URL encoding, because a stranger's key may hold what XML cannot. Pages are asked for when they are needed.
 */
import type {
  DeleteMarkerEntry,
  ListMultipartUploadsCommandOutput,
  ListObjectVersionsCommandOutput,
  MultipartUpload,
  ObjectVersion,
  _Object as S3Object,
} from '@aws-sdk/client-s3';

import type { Bucket } from './bucket.ts';
import type { Doing } from './failures.ts';

interface Marker {
  readonly KeyMarker?: string;
  readonly VersionIdMarker?: string;
  readonly UploadIdMarker?: string;
}

interface Options {
  readonly signal: AbortSignal;
  readonly as?: 'writer' | 'deleter';
}

// Prefixes and names are S3's, with the store's prefix. Each fails with CallFailed.
export async function* listObjects(
  bucket: Bucket,
  prefix: string,
  { signal, after }: Options & { readonly after?: string | undefined },
): AsyncGenerator<S3Object, void, undefined> {
  const doing: Doing = { action: 'list', permission: 's3:ListBucket' };
  let token: string | undefined;
  do {
    const ContinuationToken = token;
    const page = await bucket.call(
      doing,
      async ({ sdk, client, options }) =>
        await client.send(
          new sdk.ListObjectsV2Command({
            Bucket: bucket.name,
            Prefix: prefix,
            EncodingType: 'url',
            ...(after === undefined ? {} : { StartAfter: after }),
            ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
          }),
          options,
        ),
      { signal },
    );
    for (const item of page.Contents ?? []) yield { ...item, Key: decoded(item.Key) };
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}

export type VersionItem =
  | { readonly kind: 'object'; readonly item: ObjectVersion }
  | { readonly kind: 'delete marker'; readonly item: DeleteMarkerEntry };

export async function* listVersions(
  bucket: Bucket,
  prefix: string,
  { signal, as = 'writer' }: Options,
): AsyncGenerator<VersionItem, void, undefined> {
  const doing: Doing = { action: 'list the versions in', permission: 's3:ListBucketVersions' };
  let marker: Marker | undefined = {};
  while (marker !== undefined) {
    const from: Marker = marker;
    const page: ListObjectVersionsCommandOutput = await bucket.call(
      doing,
      async ({ sdk, client, options }) =>
        await client.send(
          new sdk.ListObjectVersionsCommand({
            Bucket: bucket.name,
            Prefix: prefix,
            EncodingType: 'url',
            ...from,
          }),
          options,
        ),
      { signal, as },
    );
    for (const item of page.Versions ?? [])
      yield { kind: 'object', item: { ...item, Key: decoded(item.Key) } };
    for (const item of page.DeleteMarkers ?? [])
      yield { kind: 'delete marker', item: { ...item, Key: decoded(item.Key) } };
    marker =
      page.IsTruncated === true && page.NextKeyMarker !== undefined
        ? {
            KeyMarker: decoded(page.NextKeyMarker),
            ...(page.NextVersionIdMarker === undefined
              ? {}
              : { VersionIdMarker: page.NextVersionIdMarker }),
          }
        : undefined;
  }
}

export async function* listUploads(
  bucket: Bucket,
  prefix: string,
  { signal }: Options,
): AsyncGenerator<MultipartUpload, void, undefined> {
  const doing: Doing = {
    action: 'list the uploads in',
    permission: 's3:ListBucketMultipartUploads',
  };
  let marker: Marker | undefined = {};
  while (marker !== undefined) {
    const from: Marker = marker;
    const page: ListMultipartUploadsCommandOutput = await bucket.call(
      doing,
      async ({ sdk, client, options }) =>
        await client.send(
          new sdk.ListMultipartUploadsCommand({
            Bucket: bucket.name,
            Prefix: prefix,
            EncodingType: 'url',
            ...from,
          }),
          options,
        ),
      { signal },
    );
    for (const item of page.Uploads ?? []) yield { ...item, Key: decoded(item.Key) };
    marker =
      page.IsTruncated === true && page.NextKeyMarker !== undefined
        ? {
            KeyMarker: decoded(page.NextKeyMarker),
            ...(page.NextUploadIdMarker === undefined
              ? {}
              : { UploadIdMarker: page.NextUploadIdMarker }),
          }
        : undefined;
  }
}

/** What the parts of an upload take together. @throws CallFailed */
export async function uploadBytes(
  bucket: Bucket,
  { Key, UploadId }: MultipartUpload,
  { signal }: Options,
): Promise<number> {
  const doing: Doing = {
    action: 'list the parts of an upload in',
    permission: 's3:ListMultipartUploadParts',
  };
  let sizeBytes = 0;
  let marker: string | undefined = '0';
  while (marker !== undefined) {
    const PartNumberMarker: string = marker;
    const page = await bucket.call(
      doing,
      async ({ sdk, client, options }) =>
        await client.send(
          new sdk.ListPartsCommand({ Bucket: bucket.name, Key, UploadId, PartNumberMarker }),
          options,
        ),
      { signal },
    );
    for (const { Size = 0 } of page.Parts ?? []) sizeBytes += Size;
    marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
  }
  return sizeBytes;
}

function decoded(name: string | undefined): string {
  if (name === undefined) return '';
  try {
    return decodeURIComponent(name.replaceAll('+', ' '));
  } catch {
    // A server that took no notice of the encoding.
    return name;
  }
}
