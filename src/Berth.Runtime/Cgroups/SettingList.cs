using System.Numerics;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups;

/// <summary>Settings in the making.</summary>
internal sealed class SettingList
{
    private readonly List<CgroupSetting> settings = [];

    /// <summary>What has been added, in order.</summary>
    public IReadOnlyList<CgroupSetting> All => settings;

    /// <summary>Adds a value.</summary>
    public void Add(string controller, string file, string value, string field) => settings.Add(new CgroupSetting(controller, file, value, field));

    /// <summary>Adds a number unless it is null.</summary>
    public void Add<T>(string controller, string file, T? value, string field)
        where T : struct, IBinaryInteger<T>
    {
        if (value is { } number)
            Add(controller, file, number.ToString(null, null), field);
    }

    /// <summary>Adds a number unless it is null or 0.</summary>
    public void AddUnlessZero<T>(string controller, string file, T? value, string field)
        where T : struct, IBinaryInteger<T>
    {
        if (value is { } number && !T.IsZero(number))
            Add(controller, file, number.ToString(null, null), field);
    }

    /// <summary>Adds a text unless it is null or empty.</summary>
    public void AddText(string controller, string file, string? value, string field)
    {
        if (!string.IsNullOrEmpty(value))
            Add(controller, file, value, field);
    }

    /// <summary>Adds limits of RDMA devices; the file is the same in v1 and v2 (kernel: cgroup-v1/rdma.rst).</summary>
    public void AddRdma(IReadOnlyDictionary<string, RdmaSpec>? devices)
    {
        foreach ((string device, RdmaSpec limit) in devices ?? new Dictionary<string, RdmaSpec>(0))
        {
            string handles = limit.HcaHandles is { } h ? $" hca_handle={h}" : "", objects = limit.HcaObjects is { } o ? $" hca_object={o}" : "";
            if (handles.Length + objects.Length > 0)
                Add("rdma", "rdma.max", device + handles + objects, "rdma");
        }
    }

    /// <summary>The size of huge pages as the kernel names its files: <c>64KB</c>, <c>2MB</c>, <c>1GB</c>.</summary>
    /// <exception cref="ArgumentException">The text is none.</exception>
    public static string HugePageSize(string size)
    {
        int digits = size.AsSpan().IndexOfAnyExceptInRange('0', '9');
        return digits > 0 && size[digits..] is "KB" or "MB" or "GB"
            ? size
            : throw new ArgumentException($"linux.resources.hugepageLimits: page size \"{size}\" must be a number with KB, MB or GB, like 2MB");
    }
}
