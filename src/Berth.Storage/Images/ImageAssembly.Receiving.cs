using System.Security.Cryptography;
using Berth.Linux;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Content;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Images;

/// <content>How layers come in.</content>
public sealed partial class ImageAssembly
{
    private const long LeastToSync = 1 << 20;

    /// <summary>Which of an image's layers are there with a blob, lowest first; those stay until the assembly ends, and need not be received.</summary>
    /// <param name="config">The image's configuration document; it is returned parsed.</param>
    /// <exception cref="EngineException">InvalidArgument or TooLarge when it cannot be read, or names more layers than can be put on each other.</exception>
    public (ImageConfig Config, IReadOnlyList<bool> IsHere) UseLayers(ReadOnlySpan<byte> config)
    {
        ImageConfig parsed = ImagePlan.ReadConfig(config);
        ImagePlan.RequireCount(parsed.Rootfs.DiffIds.Count); // before any of them is received
        return (parsed, [.. ImagePlan.ChainIdsOf(parsed.Rootfs.DiffIds).Select(TryUseLayer)]);
    }

    /// <summary>Receives a layer: stored, verified, unpacked as far as that is possible before the layers below are known.</summary>
    /// <param name="input">Read to its end; plain, gzip, zstd, xz or bzip2.</param>
    /// <param name="expected">Digest of the bytes; the empty digest when nobody said.</param>
    /// <param name="parent">Chain id of the layer below; the empty digest for a lowest layer; null when not known yet.</param>
    /// <param name="cancellationToken">Ends the receiving.</param>
    /// <exception cref="EngineException">InvalidArgument for what is malformed, refused or does not match its digest; Unavailable for a missing library; Internal when the disk refuses.</exception>
    public async Task<ReceivedLayer> ReceiveLayerAsync(Stream input, Digest expected, Digest? parent, CancellationToken cancellationToken)
    {
        using ContentWriter blob = Guard(content.CreateWriter);
        ILayerDraft draft = CreateDraft(parent) ?? new NoDraft();
        try
        {
            IngestedLayer layer = await LayerIngest.RunAsync(input, blob, draft, limits, cancellationToken);
            Verify(expected, layer.Received, layer.BlobSize);
            Keep(blob, new Arrival(layer, draft, null, parent ?? default));
            return new ReceivedLayer(layer.Blob, draft is NoDraft ? default : layer.DiffId);
        }
        catch
        {
            draft.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Receives a layer from a source that can begin anywhere, going on where an earlier attempt stopped: what that received is kept when the source fails, in
    /// a file that outlives the daemon. Only one such call for a blob may be made at a time.
    /// </summary>
    /// <param name="blob">Digest and size of the bytes; both are verified.</param>
    /// <param name="open">Opens the source at an offset in bytes; it ends where the blob does.</param>
    /// <param name="cancellationToken">Ends the receiving.</param>
    /// <exception cref="EngineException">As of <see cref="ReceiveLayerAsync(Stream, Digest, Digest?, CancellationToken)"/>, and what the source throws.</exception>
    public async Task<ReceivedLayer> FetchLayerAsync(Descriptor blob, Func<long, CancellationToken, Task<Stream>> open, CancellationToken cancellationToken)
    {
        while (true)
        {
            using ContentWriter writer = Guard(() => content.ResumeWriter(blob.Digest));
            if (writer.Existing > blob.Size)
            {
                continue; // disposed, it is gone
            }

            ILayerDraft draft = CreateDraft(null) ?? new NoDraft();
            try
            {
                await using Stream input = writer.Existing == 0
                    ? await open(0, cancellationToken)
                    : new ResumedInput(writer.OpenExisting(), token => open(writer.Existing, token));
                IngestedLayer layer = await LayerIngest.RunAsync(input, writer, draft, limits, cancellationToken);
                Verify(blob.Digest, layer.Received, layer.BlobSize);
                Keep(writer, new Arrival(layer, draft, null));
                if (blob.Size >= LeastToSync)
                {
                    content.BeginSync(); // while the other layers come
                }

                return new ReceivedLayer(layer.Blob, draft is NoDraft ? default : layer.DiffId);
            }
            catch (EngineException e) when (e.Kind == ErrorKind.InvalidArgument)
            {
                draft.Dispose();
                if (writer.Existing == 0)
                {
                    throw;
                }

                // What was left may not be what was received, after a power cut: once more from the beginning.
            }
            catch (Exception e)
            {
                draft.Dispose();
                writer.Keeps = e is not EngineException { IsWrongContent: true } && e.InnerException is not LinuxException; // the disk's own failures are not cured by what fills it
                throw;
            }
        }
    }

    /// <summary>Takes over what another assembly received, as if it had been received here; that assembly must live until this one ends.</summary>
    /// <returns>False when the other has no such blob.</returns>
    public bool TryShare(ImageAssembly other, Digest blob)
    {
        Arrival? arrival;
        lock (other.gate)
        {
            arrival = other.arrivals.GetValueOrDefault(blob);
        }

        if (arrival is null)
        {
            return false;
        }

        PinBlob(blob);
        lock (gate)
        {
            shared[blob] = arrival;
        }

        return true;
    }

    /// <summary>As <see cref="ReceiveLayerAsync(Stream, Digest, Digest?, CancellationToken)"/>, from a producer that writes on a thread of its own.</summary>
    internal async Task<ReceivedLayer> ReceiveLayerAsync(Action<Stream> produce, Digest parent)
    {
        using ContentWriter blob = Guard(content.CreateWriter);
        ILayerDraft draft = CreateDraft(parent)!;
        try
        {
            await using LayerIntake intake = new(blob, draft, limits, keepsGoing: false);
            Exception? error = null;
            await Task.Factory.StartNew(
                () =>
                {
                    try
                    {
                        produce(intake);
                    }
                    catch (OperationCanceledException) when (intake.IsAbandoned)
                    {
                        // Unpacking failed; FinishAsync says why.
                    }
                    catch (Exception e)
                    {
                        error = e;
                    }
                },
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            IngestedLayer layer = await intake.FinishAsync(error);
            Keep(blob, new Arrival(layer, draft, null, parent));
            return new ReceivedLayer(layer.Blob, layer.DiffId);
        }
        catch
        {
            draft.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Receives something out of an archive that may be a layer, on the calling thread. If it cannot be unpacked it is kept as a blob all the same, and the error comes
    /// when an image names it as a layer.
    /// </summary>
    /// <param name="read">Fills a part of the block and returns how much; 0 at the end.</param>
    /// <param name="expected">Digest of the bytes; the empty digest when nobody said.</param>
    /// <returns>The blob's digest.</returns>
    internal Digest ReceiveMember(Func<Memory<byte>, int> read, Digest expected)
    {
        using ContentWriter blob = Guard(content.CreateWriter);
        ILayerDraft draft = CreateDraft(null) ?? new NoDraft();
        try
        {
            using LayerIntake intake = new(blob, draft, limits, keepsGoing: true);
            while (true)
            {
                byte[] block = intake.Rent();
                int count = read(block);
                if (count == 0)
                {
                    LayerIntake.Return(block);
                    break;
                }

                intake.Push(block, count);
            }

            Arrival arrival;
            try
            {
                IngestedLayer layer = intake.FinishAsync().GetAwaiter().GetResult();
                Verify(expected, layer.Received, layer.BlobSize);
                arrival = new Arrival(layer, draft, null);
            }
            catch (EngineException e) when (e.Kind == ErrorKind.InvalidArgument && !e.Message.StartsWith(DigestMismatch, StringComparison.Ordinal))
            {
                draft.Dispose();
                Verify(expected, intake.ReceivedDigest(), blob.Length);
                arrival = new Arrival(null, null, e);
            }

            Keep(blob, arrival);
            return blob.Finish();
        }
        catch
        {
            draft.Dispose();
            throw;
        }
    }

    /// <summary>Whether an image has the blob as a layer; it stays then until the assembly ends.</summary>
    internal bool TryUseBlob(Digest blob)
    {
        if (!store.HasLayerBlob(blob))
        {
            return false;
        }

        PinBlob(blob);
        return content.Exists(blob);
    }

    /// <summary>Reads a blob that <see cref="TryUseBlob"/> found, and checks that it is the same; returns its digest.</summary>
    internal static Digest ConfirmBlob(Func<Memory<byte>, int> read, Digest expected)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] block = BlockPipe.RentBlock();
        long length = 0;
        int count;
        while ((count = read(block)) > 0)
        {
            hash.AppendData(block, 0, count);
            length += count;
        }

        LayerIntake.Return(block);
        Verify(expected, Digest.FromHash(hash.GetHashAndReset()), length);
        return expected;
    }

    /// <summary>The diff id of a blob that was received as a layer; null when it was not, or could not be unpacked.</summary>
    internal Digest? DiffIdOf(Digest blob) => FindArrival(blob)?.Layer?.DiffId;

    private const string DigestMismatch = "content does not match its digest";

    private static void Verify(Digest expected, Digest found, long length)
    {
        if (!expected.IsEmpty && expected != found)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"{DigestMismatch}: wanted {expected}, got {found} ({length} bytes)");
        }
    }

    private static T Guard<T>(Func<T> call)
    {
        try
        {
            return call();
        }
        catch (LinuxException e)
        {
            throw new EngineException(ErrorKind.Internal, $"the archive cannot be stored: {e.Message}", e);
        }
    }

    private ILayerDraft? CreateDraft(Digest? parent) =>
        draftsNeedParent && parent is null ? null : snapshotter.CreateDraft(draftsNeedParent ? parent!.Value : default);

    private void Keep(ContentWriter blob, Arrival arrival)
    {
        Digest digest = blob.Finish();
        PinBlob(digest);
        Guard(() => blob.Publish());
        FailPoint.Reach(FailPoints.ImageBlobPublished);
        lock (gate)
        {
            if (!arrivals.TryAdd(digest, arrival))
            {
                arrival.Draft?.Dispose();
            }
        }
    }

    // Where the layer below must be known first, a layer is only stored when it arrives, and unpacked at the commit.
    private sealed class NoDraft : ILayerDraft
    {
        public long Unpack(Stream archive, TarLimits limits)
        {
            byte[] buffer = new byte[64 << 10];
            while (archive.Read(buffer) > 0)
            {
            }

            return 0;
        }

        public void Publish(Digest chainId, Digest parent) => throw new InvalidOperationException("nothing was unpacked");

        public void Dispose()
        {
            // There is nothing.
        }
    }
}
