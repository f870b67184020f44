using System.Security.Cryptography;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry.Tests.Support;

namespace Berth.Registry.Tests;

public sealed class RoundTripTests
{
    [Fact]
    public async Task WhatIsPushedIsPulled()
    {
        using DockerRegistry registry = DockerRegistry.Start();
        using var client = new RegistryClient(new RegistryOptions());
        RegistryRepository repository = client.Open(ImageReference.Parse($"{registry.Address}/a/b"), RegistryCredential.None);
        byte[] content = RandomNumberGenerator.GetBytes(100_000);
        var blob = new Descriptor { MediaType = MediaTypes.OciLayer, Digest = Digest.Of(content), Size = content.Length };
        Assert.Equal(BlobPushOutcome.Uploaded, (await repository.PushBlobAsync(blob, offset => new MemoryStream(content, (int)offset, content.Length - (int)offset), [], null, default)).Outcome);
        await using Stream stream = await repository.OpenBlobAsync(blob, new BlobRead(), default);
        using var copy = new MemoryStream();
        await stream.CopyToAsync(copy);
        Assert.Equal(content, copy.ToArray());
    }
}
