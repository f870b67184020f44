using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Storage.Tests.Support;

/// <summary>Image archives, well-formed until a test changes something.</summary>
internal sealed class ImageArchive
{
    private readonly TarBuilder tar = new();

    public static byte[] Config(params byte[][] layers) => JsonSerializer.SerializeToUtf8Bytes(
        new ImageConfig
        {
            Architecture = Platform.Host.Architecture,
            Os = "linux",
            Created = DateTimeOffset.UnixEpoch,
            Config = new ImageRunConfig { Cmd = ["sh"] },
            Rootfs = new ImageRootfs { DiffIds = [.. layers.Select(layer => Digest.Of(layer))] },
            History = [.. layers.Select((_, i) => new ImageHistory { CreatedBy = "step " + i })],
        },
        ImageConfigJsonContext.Default.ImageConfig);

    public static byte[] Layer(string name, string content = "content") => new TarBuilder().File(name, content).ToArray();

    public static string Manifest(byte[] config, params byte[][] layers) =>
        $$"""{"schemaVersion":2,"mediaType":"{{MediaTypes.OciManifest}}","config":{{Descriptor(MediaTypes.OciConfig, config)}},"layers":[{{string.Join(',', layers.Select(l => Descriptor(MediaTypes.OciLayer, l)))}}]}""";

    public static string Descriptor(string mediaType, byte[] content, string more = "") =>
        $$"""{"mediaType":"{{mediaType}}","digest":"{{Digest.Of(content)}}","size":{{content.Length}}{{more}}}""";

    public static string Index(params string[] descriptors) =>
        $$"""{"schemaVersion":2,"mediaType":"{{MediaTypes.OciIndex}}","manifests":[{{string.Join(',', descriptors)}}]}""";

    public static string Named(string name) => $$""","annotations":{"io.containerd.image.name":"{{name}}"}""";

    public static string ForPlatform(string os, string architecture) => $$""","platform":{"os":"{{os}}","architecture":"{{architecture}}"}""";

    /// <summary>The old form of docker: a folder for each layer.</summary>
    public static ImageArchive Docker(string tag, byte[] config, params byte[][] layers)
    {
        ImageArchive archive = new();
        for (int i = 0; i < layers.Length; i++)
        {
            archive.File($"layer{i}/VERSION", "1.0"u8.ToArray()).File($"layer{i}/layer.tar", layers[i]);
        }

        string names = string.Join(',', layers.Select((_, i) => $"\"layer{i}/layer.tar\""));
        return archive.File("config.json", config).Text("manifest.json", $$"""[{"Config":"config.json","RepoTags":["{{tag}}"],"Layers":[{{names}}]}]""");
    }

    public ImageArchive Text(string name, string content) => File(name, Encoding.UTF8.GetBytes(content));

    public ImageArchive File(string name, byte[] content)
    {
        tar.Entry('0', name, content);
        return this;
    }

    public ImageArchive Symlink(string name, string target)
    {
        tar.Symlink(name, target);
        return this;
    }

    public ImageArchive Blob(byte[] content) => File("blobs/sha256/" + Digest.Of(content).Hex, content);

    public byte[] ToArray() => tar.ToArray();

    /// <summary>Pipes bytes through a program of the host.</summary>
    public static byte[] Run(string program, byte[] input, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        Task feeding = Task.Run(() =>
        {
            process.StandardInput.BaseStream.Write(input);
            process.StandardInput.Close();
        });
        using MemoryStream output = new();
        process.StandardOutput.BaseStream.CopyTo(output);
        feeding.Wait();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output.ToArray();
    }
}
