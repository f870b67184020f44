using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry;
using Berth.Storage.Images;

namespace Berth.Engine.Registries;

/// <summary>A layer that was received, and the assembly that keeps it until an image has it.</summary>
internal sealed record LayerArrival(ImageAssembly Assembly, Digest Blob);

/// <summary>Layers on their way from registries: each once, however many pulls want it, and only so many at a time.</summary>
/// <param name="images">Where they go.</param>
/// <param name="limit">How many are received at a time.</param>
internal sealed class LayerTransfers(ImageStore images, int limit) : IDisposable
{
    private readonly SharedWork<Digest, LayerArrival> transfers = new(static arrival => arrival.Assembly.DisposeAsync());
    private readonly SemaphoreSlim slots = new(limit);

    /// <summary>Receives a layer from its repository, or waits for whoever receives it already.</summary>
    /// <exception cref="EngineException">As of <see cref="RegistryRepository.OpenBlobAsync"/> and <see cref="ImageAssembly.FetchLayerAsync"/>, naming the repository.</exception>
    public Task<SharedWork<Digest, LayerArrival>.Share> FetchAsync(RegistryRepository from, Descriptor layer, Action<TransferMessage> report, CancellationToken cancellationToken) =>
        transfers.JoinAsync(layer.Digest, (tell, token) => FetchOneAsync(from, layer, tell, token), report, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => slots.Dispose();

    private async Task<LayerArrival> FetchOneAsync(RegistryRepository from, Descriptor layer, Action<TransferMessage> report, CancellationToken cancellationToken)
    {
        if (!slots.Wait(0, cancellationToken))
        {
            report(TransferMessage.Step("Waiting", layer.Digest));
            await slots.WaitAsync(cancellationToken);
        }

        ImageAssembly assembly = images.BeginAssembly();
        try
        {
            var progress = new ByteProgress("Downloading", layer.Digest, layer.Size, report);
            ReceivedLayer received = await assembly.FetchLayerAsync(layer, (offset, token) => OpenAsync(from, layer, offset, progress, report, token), cancellationToken);
            if (received.Blob != layer.Digest)
            {
                throw new EngineException(ErrorKind.InvalidArgument, "it is packed in a way that image formats do not know (xz or bzip2)");
            }

            report(TransferMessage.Step("Extracting", layer.Digest, layer.Size, layer.Size));
            return new LayerArrival(assembly, received.Blob);
        }
        catch (EngineException e) when (e.Kind == ErrorKind.InvalidArgument && !e.Message.Contains(from.Name.Domain, StringComparison.Ordinal))
        {
            await assembly.DisposeAsync();
            IReadOnlyList<string> mirrors = from.Reject(layer.Digest);
            string sentBy = mirrors.Count == 0 ? "" : $" (sent by the mirror {string.Join(", ", mirrors)})";
            throw new EngineException(e.Kind, $"layer {layer.Digest} of {from.Name.Repository} cannot be used{sentBy}: {e.Message}", e);
        }
        catch
        {
            await assembly.DisposeAsync();
            throw;
        }
        finally
        {
            slots.Release();
        }
    }

    private static Task<Stream> OpenAsync(
        RegistryRepository from, Descriptor layer, long offset, ByteProgress progress, Action<TransferMessage> report, CancellationToken cancellationToken)
    {
        void Received(long done)
        {
            if (done < layer.Size)
            {
                progress.Tell(done);
                return;
            }

            report(TransferMessage.Step("Verifying Checksum", layer.Digest));
            report(TransferMessage.Step("Download complete", layer.Digest));
        }

        // The store hashes what it keeps.
        return from.OpenBlobAsync(layer, new BlobRead { Offset = offset, Verifies = false, Received = Received }, cancellationToken);
    }
}
